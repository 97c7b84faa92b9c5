package deployer

import (
	"context"
	"strconv"
	"time"

	"edgeman/deployer/nginx"
	"edgeman/nginxconf"
)

// What nginx does without a directive (ngx_event_core_module and
// ngx_http_proxy_module).
const (
	defaultWorkerConnections = 512
	defaultReadTimeout       = 60 * time.Second
)

// waitBound is how many requests nginx can hold back while the app takes none,
// and for how long.
func waitBound(conf *nginxconf.Config, facts nginx.Facts) nginx.Bound {
	connections := defaultWorkerConnections
	if events := conf.Root().Last("events"); events != nil {
		if d := events.Last("worker_connections"); d != nil {
			if n, err := strconv.Atoi(d.Arg(0)); err == nil {
				connections = n
			}
		}
	}
	workers := 0
	for _, w := range facts.Workers {
		if !w.Leaving {
			workers++
		}
	}
	return nginx.WaitBound(workers, connections, facts.Somaxconn, readTimeout(conf))
}

// readTimeout is the shortest proxy_read_timeout that any request may meet.
func readTimeout(conf *nginxconf.Config) time.Duration {
	shortest := defaultReadTimeout
	for _, pass := range conf.Passes() {
		for _, d := range pass.Parent().Effective("proxy_read_timeout") {
			if t, err := nginxconf.ParseDuration(d.Arg(0)); err == nil && t > 0 {
				shortest = min(shortest, t)
			}
		}
	}
	return shortest
}

// warnWait tells what making requests wait for at most limit can cost, before
// it is done.
func (h *Host) warnWait(ctx context.Context, limit time.Duration) error {
	if h.Nginx == nil {
		return nil
	}
	facts, err := h.Nginx.Facts(ctx)
	if err != nil || !facts.Running {
		return err
	}
	conf, err := nginxconf.Load(h.Files, facts.Main)
	if err != nil {
		h.note("how long requests may wait is not known: %s", firstLine(err))
		return nil
	}
	h.sayBound(waitBound(conf, facts), limit)
	return nil
}

func (h *Host) sayBound(b nginx.Bound, limit time.Duration) {
	limit = min(limit, b.ReadTimeout)
	h.note("requests wait meanwhile: %s; a wait of %s fits up to %.0f requests a second", b, limit, float64(b.Requests)/limit.Seconds())
}
