package check

import (
	"fmt"
)

const (
	tooLittle = 200 << 20
	enough    = 2 << 30
)

var ruleDiskLow = Rule{
	Code: "disk-low", Title: "a file system that certificates, logs or state need is almost full", Worst: Warning,
	What: "Less than 5 % and less than 2 GB, or less than 200 MB, is free where /etc, /var/lib/edgeman or /var/log lie.",
	Why:  "A renewal or a swap that cannot write fails, and nginx stops logging.",
	Fix:  "Make room: `journalctl --vacuum-size=200M` and `docker image prune` usually do.",
	look: diskLow,
}

func diskLow(h *host, report func(Finding)) {
	if h.env.FreeSpace == nil {
		return
	}
	seen := map[space]bool{} // one finding for each file system, near enough
	for _, path := range []string{"/etc", "/var/lib/edgeman", "/var/log"} {
		s, err := h.env.FreeSpace(path)
		if err != nil || s.Total == 0 || seen[s] {
			continue
		}
		seen[s] = true
		if s.Free >= tooLittle && (s.Free >= enough || s.Free*20 >= s.Total) {
			continue
		}
		report(Finding{
			Severity: Warning, Subject: Subject{"file", path},
			Message: fmt.Sprintf("%d MB of %d MB are free at %s", s.Free>>20, s.Total>>20, path), Hint: "df -h " + path,
		})
	}
}

var ruleClockUnsynced = Rule{
	Code: "clock-unsynced", Title: "the clock is not synchronised", Worst: Warning,
	What: "According to the kernel nothing keeps its clock right.",
	Why:  "A wrong clock makes good certificates invalid and renewals fail.",
	Fix:  "`apt-get install systemd-timesyncd`, or `timedatectl set-ntp true`.",
	look: clockUnsynced,
}

func clockUnsynced(h *host, report func(Finding)) {
	if h.env.ClockSynced == nil {
		return
	}
	synced, err := h.env.ClockSynced()
	if err != nil || synced {
		return
	}
	report(Finding{
		Severity: Warning, Subject: Subject{"host", "clock"},
		Message: "nothing keeps this host's clock right", Hint: "timedatectl",
	})
}
