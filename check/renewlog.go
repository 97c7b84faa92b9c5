package check

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// certbotLogs is where certbot keeps one file for each of its runs.
const certbotLogs = "/var/log/letsencrypt"

// logsRead bounds how far back is looked: certbot starts a new log every run,
// and keeps a thousand.
const logsRead = 30

// certbotRun is what one log says.
type certbotRun struct {
	path   string
	ended  time.Time
	failed map[string]string // lineage: error
	tried  map[string]bool   // lineages that were due in this run
	hook   string            // the error of a hook, or ""
}

var (
	renewFailed = regexp.MustCompile(`Failed to renew certificate (\S+) with error: (.*)`)
	renewTried  = regexp.MustCompile(`Processing (\S+?)\.conf`)
	// Versions up to 2 and from 3 on word it differently; both name the hook and its code.
	hookFailed = regexp.MustCompile(`(?i)((?:deploy|post|pre)[- ]hook|Hook '[^']*')[^\n]*?(?:reported error code|returned error code|reported error|exited with) ?(\d+)?`)
)

// parseRun reads what matters to us from a log.
func parseRun(text string) certbotRun {
	r := certbotRun{failed: map[string]string{}, tried: map[string]bool{}}
	for _, m := range renewFailed.FindAllStringSubmatch(text, -1) {
		r.failed[m[1]] = m[2]
		r.tried[m[1]] = true
	}
	if m := hookFailed.FindString(text); m != "" {
		r.hook = clean(m)
	}
	return r
}

// certbotRuns are the last runs, newest first.
func (h *host) certbotRuns() []certbotRun {
	files, _ := h.env.FS.Glob(certbotLogs + "/letsencrypt.log*")
	var runs []certbotRun
	for _, f := range files {
		info, err := h.env.FS.Stat(f)
		if err == nil {
			runs = append(runs, certbotRun{path: f, ended: info.ModTime()})
		}
	}
	slices.SortFunc(runs, func(a, b certbotRun) int { return b.ended.Compare(a.ended) })
	runs = runs[:min(len(runs), logsRead)]
	for i, r := range runs {
		if data, err := h.readTail(r.path); err == nil {
			runs[i] = parseRun(string(data))
			runs[i].path, runs[i].ended = r.path, r.ended
		}
	}
	return runs
}

func renewLastFailed(h *host) []Finding {
	var out []Finding
	runs := h.certbotRuns()
	failed := false
	for _, l := range h.lineages {
		if f, ok := h.failedRun(l, runs); ok {
			out = append(out, f)
			failed = true
		} else if f, ok := h.failedHook(l, runs); ok {
			out = append(out, f)
		}
	}
	if f, ok := h.failedUnit(); ok && !failed {
		out = append(out, f)
	}
	return out
}

// failedRun finds an attempt that failed and was not made good since.
func (h *host) failedRun(l *lineage, runs []certbotRun) (Finding, bool) {
	for _, r := range runs {
		why, ok := r.failed[l.name]
		if !ok {
			continue
		}
		if info, err := h.env.FS.Stat(l.files["fullchain"]); err == nil && info.ModTime().After(r.ended) {
			return Finding{}, false
		}
		severity := Warning
		if h.inWarning(l) != 0 {
			severity = Critical
		}
		f := h.lineageFinding(l, severity, fmt.Sprintf("certbot failed to renew %s %s ago: %s", l.name, days(h.now.Sub(r.ended)), clean(why)),
			"certbot renew --cert-name "+l.name+" --dry-run")
		f.Evidence = []Fact{{"log", r.path}}
		return f, true
	}
	return Finding{}, false
}

// failedHook finds a hook that failed in the run that renewed the lineage.
// Once nginx serves the new certificate the hook did no harm any more.
func (h *host) failedHook(l *lineage, runs []certbotRun) (Finding, bool) {
	info, err := h.env.FS.Stat(l.files["fullchain"])
	if err != nil {
		return Finding{}, false
	}
	for _, r := range runs {
		late := r.ended.Sub(info.ModTime())
		if r.hook == "" || late < -time.Minute || late > 15*time.Minute {
			continue
		}
		severity := Warning
		if h.servedFresh(l) {
			severity = Notice
		}
		f := h.lineageFinding(l, severity, fmt.Sprintf("a hook failed %s ago, after %s was renewed: %s", days(h.now.Sub(r.ended)), l.name, r.hook),
			"run the hook by hand, then "+reloadHint+"; the log is "+filepath.Join(certbotLogs, "letsencrypt.log"))
		f.Evidence = []Fact{{"log", r.path}}
		return f, true
	}
	return Finding{}, false
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
