package deployer

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"edgeman/deployer/nginx"
	"edgeman/deployer/state"
	"edgeman/nginxconf"
	"edgeman/sockets"
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
	return nginx.WaitBound(workers, connections, facts.OpenFiles, facts.Somaxconn, readTimeout(conf))
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

// wait is what is known, before requests are made to wait, of how it will be.
type wait struct {
	limit time.Duration // after which they wait no more, whatever happens
	rate  float64       // of requests a second, those on kept connections included; 0 when not known
	last  time.Duration // what the same took the last time; 0 when not known
	what  string        // that it was, for people
}

// waitOf is the wait that the app's live slot has before it.
func (h *Host) waitOf(slot sockets.Slot, limit time.Duration) (wait, error) {
	w := wait{limit: limit, what: "the last start took"}
	st, _, err := h.Paths.ReadSlotStatus(slot)
	if err != nil {
		return w, err
	}
	w.rate = st.Rate
	events, err := h.Paths.History(slot.App)
	if err != nil {
		return w, err
	}
	for _, e := range slices.Backward(events) {
		if e.Outcome == state.Done && e.Start > 0 {
			w.last = time.Duration(e.Start * float64(time.Second))
			break
		}
	}
	return w, nil
}

// warnWait tells what making requests wait can cost, before it is done.
func (h *Host) warnWait(ctx context.Context, w wait) error {
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
	h.sayBound(waitBound(conf, facts), w)
	return nil
}

// sayBound warns when the wait will not fit. It does not refuse: the rate and
// the time are those of the past, and whoever repairs an app by a swap must not
// be kept from it.
func (h *Host) sayBound(b nginx.Bound, w wait) {
	limit := min(w.limit, b.ReadTimeout)
	fits := fmt.Sprintf("how many come is not known: for a wait of %s that is %.1f requests a second, and more will fail", state.Length(limit), float64(b.Requests)/limit.Seconds())
	if w.rate > 0 {
		fits = fmt.Sprintf("at the %s requests a second of now, a wait of %s fits", strconv.FormatFloat(w.rate, 'f', -1, 64), state.Length(b.Longest(w.rate).Round(100*time.Millisecond)))
	}
	h.note("requests wait meanwhile: %s; %s", b, fits)
	switch {
	case w.last >= b.ReadTimeout:
		h.warn("%s %s: that will not fit, and requests will fail\nhint: raise proxy_read_timeout", w.what, state.Length(w.last.Round(100*time.Millisecond)))
	case !b.Fits(w.rate, w.last):
		h.warn("%s %s: that will not fit, and requests will fail: about %.0f would have to wait\nhint: raise %s",
			w.what, state.Length(w.last.Round(100*time.Millisecond)), w.rate*w.last.Seconds(), b.Raise)
	}
}
