// Package patience weighs how long a command makes requests wait in a slot's
// socket against how long nginx lets them: its workers' connections and the
// timeouts of the very locations that lead to the app.
package patience

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"edgeman/deployer/hint"
	"edgeman/deployer/nginx"
	"edgeman/deployer/outcome"
	"edgeman/deployer/slots"
	"edgeman/deployer/state"
	"edgeman/deployer/words"
	"edgeman/nginxconf"
	"edgeman/sockets"
)

// Host is what patience asks.
type Host struct {
	*slots.Host
	Nginx Nginx // nil: nothing is weighed
	Files nginxconf.FS
}

// Nginx tells what runs, and with which limits.
type Nginx interface {
	Facts(ctx context.Context) (nginx.Facts, error)
}

// defaultWorkerConnections is what nginx does without a directive
// (ngx_event_core_module).
const defaultWorkerConnections = 512

// waitBound is how many requests nginx can hold back while the app takes none,
// and for how long, at the least patient of the places that lead to it.
func waitBound(conf *nginxconf.Config, facts nginx.Facts, patience []nginxconf.Patience) nginx.Bound {
	connections := defaultWorkerConnections
	if events := conf.Root().Last("events"); events != nil {
		if d := events.Last("worker_connections"); d != nil {
			if n, err := strconv.Atoi(d.Arg(0)); err == nil {
				connections = n
			}
		}
	}
	b := nginx.WaitBound(len(facts.Workers)-facts.Leaving(), connections, facts.OpenFiles, facts.Somaxconn, time.Minute)
	for i, p := range patience {
		if i == 0 || p.Time < b.Timeout {
			b.Timeout, b.Directive, b.Where = p.Time, p.Directive, p.In
		}
		if b.Sending == 0 || p.Sending < b.Sending {
			b.Sending, b.SendingBy = p.Sending, p.SendingDirective
		}
	}
	return b
}

// Wait is what is known, before requests are made to wait, of how it will be.
type Wait struct {
	Limit time.Duration // after which they wait no more, whatever happens
	rate  float64       // of requests a second, those on kept connections included; 0 when not known
	Last  time.Duration // what the same took the last time; 0 when not known
	What  string        // names that time for people

	Parts []Part // what each request has to wait for, for certain, as far as it is known
	Lower string // what could be lowered instead of raising nginx's timeout
	Let   bool   // the operator accepts that requests fail
}

// Part is one thing that a request has to wait for.
type Part struct {
	What string // "the last start took"
	Time time.Duration
}

func (w Wait) total() (sum time.Duration) {
	for _, p := range w.Parts {
		sum += p.Time
	}
	return sum
}

// tooLong says why requests cannot wait that long, with all figures; empty when
// they can, or when too little is known.
func tooLong(b nginx.Bound, w Wait) string {
	if w.total() < b.Timeout || b.Where == "" {
		return ""
	}
	var parts []string
	for _, p := range w.Parts {
		parts = append(parts, p.What+" "+words.Length(p.Time.Round(100*time.Millisecond)))
	}
	return fmt.Sprintf("requests cannot wait that long: %s, and nginx gives up after %s (%s in %s)",
		strings.Join(parts, ", "), words.Length(b.Timeout), b.Directive, b.Where)
}

// Of is the wait that requests to the app's live slot are about to have.
func (h *Host) Of(slot sockets.Slot, limit time.Duration) (Wait, error) {
	w := Wait{Limit: limit, What: "the last start took"}
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
			w.Last = seconds(e.Start)
			break
		}
	}
	return w, nil
}

// stopsKept is how many past stops the estimate of the next one is based on.
const stopsKept = 5

// Replacement are the parts of the wait while one container replaces another:
// stopping the old one, estimated by its own stop timeout until a stop is on
// record, and starting the new one, estimated by the last start.
func Replacement(events []state.Event, grace time.Duration) []Part {
	stop, stops, boot := 0.0, 0, 0.0
	for _, e := range slices.Backward(events) {
		if e.Outcome != state.Done {
			continue
		}
		if boot == 0 {
			boot = e.Boot
		}
		if e.Stop > 0 && stops < stopsKept {
			stop = max(stop, e.Stop)
			stops++
		}
	}
	var parts []Part
	switch {
	case grace == 0: // nothing runs
	case stops > 0:
		parts = append(parts, Part{"stopping the container took", seconds(stop)})
	default:
		parts = append(parts, Part{"the container's own stop timeout is", grace})
	}
	if boot > 0 {
		parts = append(parts, Part{"the last start took", seconds(boot)})
	}
	return parts
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// Weigh says beforehand what making requests wait can cost, and refuses a wait
// that is longer than nginx allows.
func (h *Host) Weigh(ctx context.Context, w Wait, patience func(*nginxconf.Config) []nginxconf.Patience) error {
	if h.Nginx == nil {
		return nil
	}
	facts, err := h.Nginx.Facts(ctx)
	if err != nil || !facts.Running {
		return err
	}
	conf, err := nginxconf.Load(h.Files, facts.Main)
	if err != nil {
		h.Note("how long requests may wait is not known: %s", words.FirstLine(err.Error()))
		return nil
	}
	b := waitBound(conf, facts, patience(conf))
	if why := tooLong(b, w); why != "" && !w.Let {
		return hint.With(outcome.Refuse("%s", why), "raise %s there%s; --let-wait accepts that requests fail", b.Directive, w.Lower)
	} else if why != "" {
		h.Warn("%s", why)
	}
	h.sayBound(b, w)
	return nil
}

// PatienceWith lists how long nginx waits where it sends requests to the app.
func (h *Host) PatienceWith(app string) func(*nginxconf.Config) []nginxconf.Patience {
	return func(conf *nginxconf.Config) (all []nginxconf.Patience) {
		_, r, filled, err := slots.Served(h.Paths, app)
		if err != nil || !filled {
			return nil
		}
		for _, l := range r.Listeners {
			all = append(all, conf.PatienceWith("unix:"+h.Paths.LiveSocket(app, l.Name))...)
		}
		return all
	}
}

// sayBound warns when the wait will not fit. It does not refuse: the rate and
// the time are those of the past.
func (h *Host) sayBound(b nginx.Bound, w Wait) {
	limit := min(w.Limit, b.Timeout)
	fits := fmt.Sprintf("the request rate is not known: a wait of %s leaves room for %.1f requests a second, and more will fail", words.Length(limit), float64(b.Requests)/limit.Seconds())
	if w.rate > 0 {
		fits = fmt.Sprintf("at the current %s requests a second, a wait of %s fits", strconv.FormatFloat(w.rate, 'f', -1, 64), words.Length(b.Longest(w.rate).Round(100*time.Millisecond)))
	}
	h.Note("requests will wait: %s; %s", b, fits)
	switch {
	case w.total() >= b.Timeout: // it has been said
	case w.Last >= b.Timeout:
		h.Warn("%s %s: that will not fit, and requests will fail", w.What, words.Length(w.Last.Round(100*time.Millisecond)))
		h.Hint("raise %s", b.Directive)
	case !b.Fits(w.rate, w.Last):
		h.Warn("%s %s: that will not fit, and requests will fail: about %.0f would have to wait",
			w.What, words.Length(w.Last.Round(100*time.Millisecond)), w.rate*w.Last.Seconds())
		h.Hint("raise %s", b.Raise)
	case b.Sending > 0 && max(w.total(), w.Last) >= b.Sending:
		h.Warn("%s %s: uploads that do not fit into the socket's buffer will fail", w.What, words.Length(max(w.total(), w.Last).Round(100*time.Millisecond)))
		h.Hint("raise %s", b.SendingBy)
	}
}
