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
