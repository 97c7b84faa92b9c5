package check

import (
	"fmt"
	"io"
	"regexp"
	"strings"
)

// need names a source without which a rule has nothing to look at.
type need string

const (
	needConfig    need = "the nginx configuration"
	needTest      need = "nginx -t"
	needProcess   need = "the running nginx"
	needHandshake need = "handshakes with nginx"
	needUnits     need = "systemd"
	needDocker    need = "Docker"
	needApps      need = "edgeman's records"
	needLineages  need = "certbot's files"
)

// Rule is one check as data. Its code is a promise: it is used in settings,
// metrics and mails, and never changes its meaning.
type Rule struct {
	Code  string
	Title string
	Worst Severity // the loudest that it gets

	// After lists rules that come first in the table; while one of them fires
	// with a warning or worse, this rule would only repeat it and is silent.
	After []string
	// Needs are skipped, not failed, when a source is not there: that it is not
	// there is said once, as check-blind.
	Needs []need
	// Until is the first nginx version that the rule no longer holds for.
	Until version
	// Lint marks advice about sites that is not about certificates, or about what
	// edgeman changes. It is looked for with --lint only.
	Lint bool
	// Twice marks states that may be true for a moment, such as a restart; they
	// are reported when a second look finds them again.
	Twice bool

	What, Why, Fix string // the rule's page in docs/check.md

	look func(h *host, report func(Finding))
}

// Rules lists every rule, those that silence others first.
func Rules() []Rule {
	return []Rule{
		ruleNginxConfigInvalid, ruleNginxNotRunning, ruleNginxNotEnabled, ruleNginxStaleWorkers, ruleNginxPortConflict,
		ruleNginxNotListening, ruleNginxWarn,
		ruleCertMissing, ruleCertKeyMismatch, ruleCertChainIncomplete, ruleCertExpired, ruleCertExpiring,
		ruleCertNotYetValid, ruleCertNameUncovered, ruleCertWeakSignature, ruleCertWeakKey, ruleCertLifetimeUnusual,
		ruleCertMustStaple, ruleCertKeyReadable, ruleCertUnused,
		ruleTLSHandshakeFailed, ruleCertServedOther, ruleCertServedStale, ruleCertUntrusted,
		ruleRenewConfBroken, ruleRenewTimerOff, ruleRenewLastFailed, ruleRenewWrongLineage, ruleRenewNoReload,
		ruleRenewWillFail, ruleRenewStaging, ruleRenewEveryRun, ruleRenewDisabled,
		ruleNameDuplicate, ruleConfOrphan, ruleProxyHeadersLost,
		ruleUpstreamDead, ruleSocketPerm, ruleKeepaliveRace, ruleDrainLong,
		ruleSocketInactive, ruleSocketDisabled, ruleAppDown, ruleAppRestarting, ruleUnitDrift,
		ruleContainerUnhealthy, ruleContainerDrift,
		ruleOriginalRuns, ruleComposeRuns, ruleContainerPaused, ruleContainerCutOff, ruleImageGone, ruleUpdaterPresent,
		ruleConfDrift, ruleBackupMissing, ruleDeployStuck,
		ruleBacklogSmall, ruleWorkerConnectionsSmall,
		ruleDiskLow, ruleClockUnsynced,
		ruleTLSOldProtocol, ruleTLSWeakCiphers, ruleTLSStaplingDead,
		ruleNameDefaultMissing, ruleVersionShown, ruleErrorLogOff,
		ruleAddHeaderLost, ruleHostSpoof, ruleXFFTrust, ruleWSBroken, ruleCRLFSplit, ruleHeadersMissing,
		ruleAliasTraversal, ruleAllowNoDeny, ruleStatusExposed, ruleRootExposed, ruleSSRFProxyPass,
		ruleIgnoreExpired, ruleCheckBlind,
	}
}

// Explain is the rule behind a code.
func Explain(code string) (Rule, bool) {
	for _, r := range Rules() {
		if r.Code == code {
			return r, true
		}
	}
	return Rule{}, false
}

// codeBlind is of findings that the engine itself makes.
const codeBlind = "check-blind"

var ruleCheckBlind = Rule{
	Code: codeBlind, Title: "a source could not be read", Worst: Unknown,
	What: "check could not look at something: it is not running as root, Docker or systemd did not answer, a file is not readable, or a configuration is not understood. The findings that would come from there are missing.",
	Why:  "A blind spot must not look like health, so the exit code is 3 unless something critical was found elsewhere.",
	Fix:  "Run check as root, and start or repair the source that the message names.",
}

// optIn marks what is looked for on demand.
func (r Rule) optIn() string {
	if r.Lint {
		return " (lint)"
	}
	return ""
}

// phrase is a word, or words of code, which stay in one line to be copied.
var phrase = regexp.MustCompile("(?:`[^`]*`|[^\\s`])+")

// wrap breaks text into lines of about that many characters; all but the first
// begin with indent.
func wrap(text string, width int, indent string) string {
	var b strings.Builder
	room := width
	for i, word := range phrase.FindAllString(text, -1) {
		if room -= len(word) + 1; room < 0 {
			b.WriteString("\n" + indent)
			room = width - len(word)
		} else if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(word)
	}
	return b.String()
}

// WriteExplain prints a rule's page.
func WriteExplain(w io.Writer, r Rule) error {
	page := func(text string) string { return wrap(text, 74, "      ") }
	_, err := fmt.Fprintf(w, "%s (%s%s): %s\n\nWhat  %s\n\nWhy   %s\n\nFix   %s\n",
		r.Code, r.Worst, r.optIn(), r.Title, page(r.What), page(r.Why), page(r.Fix))
	return err
}

// WriteCodes lists every code with its title.
func WriteCodes(w io.Writer) error {
	for _, r := range Rules() {
		if _, err := fmt.Fprintf(w, "%-26s %-9s %s%s\n", r.Code, r.Worst, r.Title, r.optIn()); err != nil {
			return err
		}
	}
	return nil
}
