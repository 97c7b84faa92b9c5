package check

import (
	"fmt"
	"strings"
	"time"
)

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
