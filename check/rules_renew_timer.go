package check

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"edgeman/deployer/words"
)

var ruleRenewTimerOff = Rule{
	Code: "renew-timer-off", Title: "nothing runs certbot", Worst: Critical, Needs: []need{needLineages},
	What: "There are certbot certificates, and neither an enabled and active timer (certbot.timer, snap.certbot.renew.timer) with a next run within 25 hours nor a cron entry that does not stand aside for systemd.",
	Why:  "Nothing will renew them. It is critical once one of them is due for renewal.",
	Fix:  "`systemctl enable --now certbot.timer`",
	look: renewTimerOff,
}

func renewTimerOff(h *host, report func(Finding)) {
	why, off := h.timersOff()
	if !off || h.cronRenews() {
		return
	}
	severity := Warning
	if slices.ContainsFunc(h.lineages, h.due) {
		severity = Critical
	}
	report(Finding{
		Severity: severity, Subject: Subject{"unit", timers[0]},
		Message: fmt.Sprintf("nothing renews %d %s: %s", len(h.lineages), words.Noun(len(h.lineages), "certificate"), why),
		Hint:    "systemctl enable --now certbot.timer",
	})
}

var ruleRenewLastFailed = Rule{
	Code: "renew-last-failed", Title: "the last renewal failed", Worst: Critical, Needs: []need{needLineages},
	What: "certbot's service failed, or its timer has not run for two days. What certbot writes into its own log is not read, and a renewal that cron starts shows only when the certificate gets old: see cert-expiring.",
	Why:  "At least one certificate was not renewed. It is critical when one is already late.",
	Fix:  "`certbot renew --cert-name NAME --dry-run` shows the error; the log is /var/log/letsencrypt/letsencrypt.log.",
	look: renewLastFailed,
}

func renewLastFailed(h *host, report func(Finding)) {
	severity := Warning
	if slices.ContainsFunc(h.lineages, func(l *lineage) bool { return h.inWarning(l) != 0 }) {
		severity = Critical
	}
	for _, timer := range timers {
		service := strings.TrimSuffix(timer, ".timer") + ".service"
		if u, ok := h.unit(service); ok && u.Load == "loaded" && u.Result != "" && u.Result != "success" {
			report(Finding{
				Severity: severity, Subject: Subject{"unit", service},
				Message: fmt.Sprintf("%s failed: %s", service, u.Result), Hint: "journalctl -u " + service,
			})
			return
		}
		u, ok := h.unit(timer)
		if !ok || u.Load != "loaded" || u.Active != "active" || u.LastRun.IsZero() {
			continue
		}
		if ago := h.now.Sub(u.LastRun); ago > 49*time.Hour {
			report(Finding{
				Severity: severity, Subject: Subject{"unit", timer},
				Message: fmt.Sprintf("%s last ran %s ago", timer, days(ago)), Hint: "systemctl status " + timer,
			})
			return
		}
	}
}

// timers are the units that run certbot, in the order of preference.
var timers = []string{"certbot.timer", "snap.certbot.renew.timer", "certbot-renew.timer"}

// timersOff says why no timer runs certbot. Without root, systemd is not asked
// and nothing can be said.
func (h *host) timersOff() (why string, off bool) {
	if h.env.Units == nil {
		return "there is no cron entry for certbot", h.env.Euid == 0
	}
	var seen []string
	for _, name := range timers {
		u, ok := h.unit(name)
		if !ok {
			return "", false // systemd does not answer; that is said elsewhere
		}
		if u.Load != "loaded" {
			continue
		}
		next := u.NextRun.Sub(h.now)
		switch {
		case u.Active != "active":
			seen = append(seen, name+" is "+u.Active)
		case u.NextRun.IsZero():
			seen = append(seen, name+" has no next run")
		case next >= 25*time.Hour:
			seen = append(seen, fmt.Sprintf("%s runs next in %s", name, days(next)))
		default:
			return "", false
		}
	}
	if len(seen) == 0 {
		return "there is no timer for certbot", true
	}
	return strings.Join(seen, ", "), true
}

// cronRenews looks for a cron entry that runs certbot; the one that Debian
// ships stands aside where systemd runs.
func (h *host) cronRenews() bool {
	var files []string
	for _, pattern := range []string{"/etc/cron.d/*", "/etc/cron.daily/*", "/etc/cron.weekly/*", "/etc/crontab", "/var/spool/cron/crontabs/*"} {
		found, _ := h.env.FS.Glob(pattern)
		files = append(files, found...)
	}
	for _, f := range files {
		data, err := h.env.FS.ReadFile(f)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(data)) {
			line = strings.TrimSpace(line)
			aside := h.env.Units != nil && strings.Contains(line, "/run/systemd/system")
			if !strings.HasPrefix(line, "#") && strings.Contains(line, "certbot") && !aside {
				return true
			}
		}
	}
	return false
}
