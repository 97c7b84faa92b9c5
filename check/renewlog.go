package check

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// How far back is looked. certbot starts a new log every run and keeps a
// thousand; Debian's writes one log that logrotate rotates.
const (
	logsRead = 30
	logTail  = 2 << 20
)

// certbotEvent is a line of certbot's log that matters here.
type certbotEvent struct {
	at      time.Time
	lineage string
	kind    string // wrote, failed, hook
	text    string // the error
	log     string
}

var (
	// certbot logs in local time.
	logTime     = regexp.MustCompile(`^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),\d{3}:`)
	renewWrote  = regexp.MustCompile(`Writing full chain to \S*/(?:live|archive)/([^/\s]+)/fullchain\d*\.pem`)
	renewFailed = regexp.MustCompile(`Failed to renew certificate (\S+) with error: (.*)`)
	// Versions up to 1 and from 2 on word it differently; both say what failed.
	hookFailed = regexp.MustCompile(`(?i)(?:Hook '[^']*'|(?:deploy|post)-hook command "[^"]*") (?:reported|returned) error code \d+`)
)

// parseEvents reads what matters from a log, in its order. A hook that failed
// belongs to the lineage that was written last.
func parseEvents(log, text string) []certbotEvent {
	var out []certbotEvent
	var at time.Time
	last := ""
	for line := range strings.Lines(text) {
		if m := logTime.FindStringSubmatch(line); m != nil {
			if t, err := time.ParseInLocation(time.DateTime, m[1], time.Local); err == nil {
				at = t
			}
		}
		e := certbotEvent{at: at, log: log}
		switch {
		case strings.Contains(line, "Writing full chain"):
			if m := renewWrote.FindStringSubmatch(line); m != nil {
				last = m[1]
				e.kind, e.lineage = "wrote", last
			}
		case strings.Contains(line, "Failed to renew"):
			if m := renewFailed.FindStringSubmatch(line); m != nil {
				e.kind, e.lineage, e.text = "failed", m[1], clean(m[2])
			}
		case strings.Contains(line, "error code"):
			if m := hookFailed.FindString(line); m != "" && last != "" {
				e.kind, e.lineage, e.text = "hook", last, clean(m)
			}
		}
		if e.kind != "" {
			out = append(out, e)
		}
	}
	return out
}

// certbotEvents are what the newest logs say, oldest first.
func (h *host) certbotEvents() []certbotEvent {
	type log struct {
		path string
		at   time.Time
	}
	var logs []log
	files, _ := h.env.FS.Glob(h.env.CertbotLogs + "/letsencrypt.log*")
	for _, f := range files {
		info, err := h.env.FS.Stat(f)
		if err == nil && !strings.HasSuffix(f, ".gz") {
			logs = append(logs, log{f, info.ModTime()})
		}
	}
	slices.SortFunc(logs, func(a, b log) int { return a.at.Compare(b.at) })
	var out []certbotEvent
	for _, l := range logs[max(0, len(logs)-logsRead):] {
		if data, err := h.readTail(l.path, logTail); err == nil {
			out = append(out, parseEvents(l.path, string(data))...)
		}
	}
	return out
}

var ruleRenewLastFailed = Rule{
	Code: "renew-last-failed", Title: "the last renewal failed", Worst: Critical, Needs: []need{needLineages},
	What: "certbot's last attempt to renew this certificate ended with an error, its unit failed, the timer has not run for two days, or a hook failed after the renewal.",
	Why:  "certbot exits 0 when a deploy hook fails, so nobody hears of it: the certificate is new on disk and old in nginx. Critical when the certificate is in its warning zone.",
	Fix:  "`certbot renew --cert-name NAME --dry-run` shows the error; the log is /var/log/letsencrypt/letsencrypt.log.",
	look: renewLastFailed,
}

func renewLastFailed(h *host) []Finding {
	var out []Finding
	events := h.certbotEvents()
	failed := false
	for _, l := range h.lineages {
		last := lastEvent(events, l.name)
		switch last.kind {
		case "failed":
			if f, ok := h.failedRun(l, last); ok {
				out = append(out, f)
				failed = true
			}
		case "hook":
			out = append(out, h.failedHook(l, last))
		}
	}
	if f, ok := h.failedUnit(); ok && !failed {
		out = append(out, f)
	}
	return out
}

// lastEvent is the lineage's newest event; what came before it is over.
func lastEvent(events []certbotEvent, lineage string) certbotEvent {
	for _, e := range slices.Backward(events) {
		if e.lineage == lineage {
			return e
		}
	}
	return certbotEvent{}
}

// failedRun reports an attempt that failed and was not made good by hand since.
func (h *host) failedRun(l *lineage, e certbotEvent) (Finding, bool) {
	if info, err := h.env.FS.Stat(l.files["fullchain"]); err == nil && info.ModTime().After(e.at.Add(time.Second)) {
		return Finding{}, false
	}
	severity := Warning
	if h.inWarning(l) != 0 {
		severity = Critical
	}
	f := h.lineageFinding(l, severity, fmt.Sprintf("certbot failed to renew %s %s ago: %s", l.name, days(h.now.Sub(e.at)), e.text),
		"certbot renew --cert-name "+l.name+" --dry-run")
	f.Evidence = []Fact{{"log", e.log}}
	return f, true
}

// failedHook reports a hook that failed in the lineage's last renewal. Once
// nginx serves the new certificate, or if it never does, that did no harm.
func (h *host) failedHook(l *lineage, e certbotEvent) Finding {
	severity := Warning
	if h.servedFresh(l) || h.root != nil && !l.used {
		severity = Notice
	}
	f := h.lineageFinding(l, severity, fmt.Sprintf("a hook failed %s ago, after %s was renewed: %s", days(h.now.Sub(e.at)), l.name, e.text),
		"run the hook by hand, then "+reloadHint)
	f.Evidence = []Fact{{"log", e.log}}
	return f
}

// servedFresh reports whether a handshake showed the lineage's newest leaf.
func (h *host) servedFresh(l *lineage) bool {
	if l.leaf == nil {
		return false
	}
	sum := fingerprint(l.leaf)
	for _, s := range h.shakes {
		for _, leaf := range s.leaves() {
			if fingerprint(leaf) == sum {
				return true
			}
		}
	}
	return false
}

// failedUnit judges certbot's service and how long ago its timer ran.
func (h *host) failedUnit() (Finding, bool) {
	severity := Warning
	for _, l := range h.lineages {
		if h.inWarning(l) != 0 {
			severity = Critical
		}
	}
	for _, timer := range timers {
		service := strings.TrimSuffix(timer, ".timer") + ".service"
		if u, ok := h.unit(service); ok && u.Load == "loaded" && u.Result != "" && u.Result != "success" {
			return Finding{
				Severity: severity, Subject: Subject{"unit", service},
				Message: fmt.Sprintf("%s failed: %s", service, u.Result), Hint: "journalctl -u " + service,
			}, true
		}
		u, ok := h.unit(timer)
		if !ok || u.Load != "loaded" || u.Active != "active" || u.LastRun.IsZero() {
			continue
		}
		if ago := h.now.Sub(u.LastRun); ago > 49*time.Hour {
			return Finding{
				Severity: severity, Subject: Subject{"unit", timer},
				Message: fmt.Sprintf("%s last ran %s ago", timer, days(ago)), Hint: "systemctl status " + timer,
			}, true
		}
	}
	return Finding{}, false
}

// plugins are the authenticators that are packages of their own.
func plugin(authenticator string) string {
	switch {
	case authenticator == "nginx" || authenticator == "apache":
		return "certbot_" + authenticator
	case strings.HasPrefix(authenticator, "dns-"):
		return "certbot_" + strings.ReplaceAll(authenticator, "-", "_")
	}
	return ""
}

var ruleRenewWillFail = Rule{
	Code: "renew-will-fail", Title: "the next renewal cannot work", Worst: Warning, Needs: []need{needLineages},
	What: "The lineage renews standalone while nginx holds port 80, its webroot is gone, or the plugin it needs is not installed.",
	Why:  "It fails at the next renewal, in weeks, when nobody remembers the change.",
	Fix:  "`certbot reconfigure --cert-name NAME` with the way that fits now (`--nginx`, or `--webroot -w DIR`), then `certbot renew --dry-run`.",
	look: renewWillFail,
}

func renewWillFail(h *host) []Finding {
	var out []Finding
	for _, l := range h.lineages {
		if l.err != nil {
			continue
		}
		if why, hint := h.cannotRenew(l); why != "" {
			out = append(out, h.lineageFinding(l, Warning, why, hint))
		}
	}
	return out
}

func (h *host) cannotRenew(l *lineage) (why, hint string) {
	auth := l.params["authenticator"]
	switch {
	case auth == "standalone" && h.nginxHoldsHTTP() && !strings.Contains(l.params["pre_hook"], "nginx"):
		return l.name + " renews standalone, which needs port 80, and nginx holds it", "certbot reconfigure --cert-name " + l.name + " --nginx"
	case auth == "webroot":
		for domain, root := range l.roots() {
			if info, err := h.env.FS.Stat(root); err != nil || !info.IsDir() {
				return fmt.Sprintf("the webroot %s of %s (%s) is gone", root, l.name, domain), "certbot reconfigure --cert-name " + l.name + " --webroot -w DIRECTORY"
			}
		}
	}
	if p := plugin(auth); p != "" && !h.installed(p) {
		return fmt.Sprintf("%s renews with %s, which is not installed", l.name, auth), "apt-get install python3-certbot-" + auth
	}
	return "", ""
}

// roots are the directories of a webroot lineage, by domain.
func (l *lineage) roots() map[string]string {
	if len(l.webroots) > 0 {
		return l.webroots
	}
	out := map[string]string{}
	for _, p := range strings.Split(l.params["webroot_path"], ",") {
		if p = strings.TrimSpace(p); p != "" {
			out["all names"] = p
		}
	}
	return out
}

// nginxHoldsHTTP reports whether the running nginx is configured for port 80.
func (h *host) nginxHoldsHTTP() bool {
	for _, s := range h.servers {
		for _, l := range s.listens {
			if h.nginx.Running && l.port == "80" {
				return true
			}
		}
	}
	return false
}

// installed looks for a Python package where certbot's own was found. Where
// that was nowhere, nothing can be said.
func (h *host) installed(pkg string) bool {
	looked := false
	for _, place := range certbotPlaces {
		dir := filepath.Dir(place)
		if found, _ := h.env.FS.Glob(dir + "/certbot-*"); len(found) == 0 {
			continue
		}
		looked = true
		if found, _ := h.env.FS.Glob(dir + "/" + pkg); len(found) > 0 {
			return true
		}
	}
	// A snap's plugins live in snaps of their own.
	snaps, _ := h.env.FS.Glob("/snap/" + strings.ReplaceAll(pkg, "_", "-") + "/current")
	return !looked || len(snaps) > 0
}
