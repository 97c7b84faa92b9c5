package check

import (
	"fmt"
	"strconv"
	"time"

	"edgeman/deployer/nginx"
	"edgeman/deployer/state"
)

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
	Fix:   "`events { worker_connections 4096; }`, and a `worker_rlimit_nofile` of at least twice that.",
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
	workers := 0
	for _, w := range h.nginx.Workers {
		if !w.Leaving {
			workers++
		}
	}
	bound := nginx.WaitBound(workers, per, h.nginx.OpenFiles, h.nginx.Somaxconn, time.Minute)
	if bound.Requests >= fewWaiting || workers == 0 {
		return
	}
	severity := Notice
	for _, a := range h.apps {
		if a.Strategy == state.StopFirst {
			severity = Warning
		}
	}
	report(Finding{
		Severity: severity, Subject: Subject{"nginx", "worker_connections"}, At: []Position{at},
		Message: fmt.Sprintf("only %d requests can wait for an app at the same time (%s)", bound.Requests, bound.By),
		Hint:    "worker_connections 4096; in events, and worker_rlimit_nofile 8192; beside it",
	})
}
