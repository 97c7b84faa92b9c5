package check

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"edgeman/deployer/nginx"
	"edgeman/deployer/state"
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

// fewQueued is what somaxconn was before Linux 5.4, and too little.
const fewQueued = 1024

var ruleBacklogSmall = Rule{
	Code: "backlog-small", Title: "the kernel cuts the queue of waiting connections", Worst: Warning, Needs: []need{needApps, needProcess},
	What: "net.core.somaxconn is below 1024 on a host with adopted apps (warning), or below what a `listen ... backlog=` asks for (notice).",
	Why:  "While an app restarts, requests wait in its socket's queue. On a Unix socket a full queue means an immediate 502.",
	Fix:  "`echo net.core.somaxconn=4096 > /etc/sysctl.d/60-somaxconn.conf && sysctl --system`",
	look: backlogSmall,
}

func backlogSmall(h *host, report func(Finding)) {
	limit := h.nginx.Somaxconn
	if limit == 0 || len(h.apps) == 0 {
		return
	}
	f := Finding{
		Subject: Subject{"host", "net.core.somaxconn"},
		Hint:    "echo net.core.somaxconn=4096 > /etc/sysctl.d/60-somaxconn.conf && sysctl --system",
	}
	if limit < fewQueued {
		f.Severity, f.Message = Warning, fmt.Sprintf("the kernel lets only %d connections wait for an app", limit)
		report(f)
	} else if longest, at := h.longestBacklog(); longest > limit {
		f.Severity, f.At = Notice, []Position{at}
		f.Message = fmt.Sprintf("%s asks for a queue of %d connections, but the kernel cuts it to %d", at, longest, limit)
		report(f)
	}
}

// longestBacklog is the longest queue that a listen directive asks for.
func (h *host) longestBacklog() (int, Position) {
	most, at := 0, Position{}
	for _, s := range h.servers {
		for _, l := range s.listens {
			if n, _ := strconv.Atoi(l.backlog); n > most {
				most, at = n, l.pos
			}
		}
	}
	return most, at
}

// fewWaiting is below what a small site needs to sit out a restart.
const fewWaiting = 2048

var ruleWorkerConnectionsSmall = Rule{
	Code: "worker-connections-small", Title: "nginx cannot hold many waiting requests", Worst: Warning, Needs: []need{needConfig, needApps, needProcess},
	After: []string{"nginx-not-running"},
	What:  "Every request that waits for an app holds two of nginx's `worker_connections`. The message says how many fit. Below 2048 it is a warning if an app is swapped by stopping it first, else a notice.",
	Why:   "When they are used up nginx refuses visitors of every site. Debian's 768 are gone after two seconds at 500 requests a second.",
	Fix:   "`events { worker_connections 4096; }`, and at the top of nginx.conf, outside of any block, a `worker_rlimit_nofile` of at least twice that.",
	look:  workerConnections,
}

func workerConnections(h *host, report func(Finding)) {
	if !h.nginx.Running || len(h.apps) == 0 {
		return
	}
	per, at := 512, Position{File: h.nginx.Main} // nginx's default
	if events := h.root.Last("events"); events != nil {
		if d := events.Last("worker_connections"); d != nil {
			per, _ = strconv.Atoi(d.Arg(0))
			at = position(d)
		}
	}
	workers := len(filter(h.nginx.Workers, func(w nginx.Worker) bool { return !w.Leaving }))
	bound := nginx.WaitBound(workers, per, h.nginx.OpenFiles, h.nginx.Somaxconn, time.Minute)
	if bound.Requests >= fewWaiting || workers == 0 {
		return
	}
	severity := Notice
	if slices.ContainsFunc(h.apps, func(a app) bool { return a.Strategy == state.StopFirst }) {
		severity = Warning
	}
	report(Finding{
		Severity: severity, Subject: Subject{"nginx", "worker_connections"}, At: []Position{at},
		Message: fmt.Sprintf("only %d requests can wait for an app at the same time (%s)", bound.Requests, bound.By),
		Hint:    "worker_connections 4096; in events { }, and worker_rlimit_nofile 8192; outside of any block",
	})
}
