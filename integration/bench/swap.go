package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"edgeman/integration/load"
)

// SwapOptions say how often to replace containers.
type SwapOptions struct {
	Rounds       int
	Replacements int           // of each strategy, over all rounds
	Sockets      int           // of each strategy under websockets
	Pause        time.Duration // between replacements
	Rate         int           // GET and POST requests a second
	Timed        int           // swaps under a closed loop, for the switch itself
}

// Swaps is what part 2 measured.
type Swaps struct {
	Strategies []Replaced `json:"strategies"`
	Switch     Series     `json:"switch_ms"`      // rename to the end of the first answer of the new release
	Swap       Series     `json:"swap_seconds"`   // edgeman swap of an idle app, whole command
	Run        Series     `json:"docker_seconds"` // docker run of the same image until it answers
}

// Swaps replaces containers by every strategy in turn, round by round, under
// the same load.
func (b *Bench) Swaps(ctx context.Context, o SwapOptions) (*Swaps, error) {
	if err := b.prepareBlueGreen(ctx); err != nil {
		return nil, err
	}
	list := strategies()
	s := &Swaps{Strategies: make([]Replaced, len(list))}
	for round := range o.Rounds {
		b.Say("swap: round %d of %d", round+1, o.Rounds)
		for i, how := range list {
			r := &s.Strategies[i]
			r.Name, r.Title = how.name, how.title
			if err := b.underRequests(ctx, how, r, share(o.Replacements, o.Rounds, round), o, s.calm()); err != nil {
				return nil, err
			}
		}
	}
	b.Say("swap: under websockets")
	for i, how := range list {
		if err := b.underSockets(ctx, how, &s.Strategies[i], o, s.calm()); err != nil {
			return nil, err
		}
	}
	b.Say("swap: the switch itself, and the whole command")
	return s, b.timed(ctx, s, o.Timed)
}

// share of total that falls to one of several rounds.
func share(total, rounds, round int) int {
	return total*(round+1)/rounds - total*round/rounds
}

// calm is how long a round of no replacement waits in place of each: as long as
// the swap that it is compared with takes.
func (s *Swaps) calm() time.Duration {
	took := s.Strategies[0].Took
	if len(took) == 0 {
		return time.Second
	}
	return time.Duration(took.Median() * float64(time.Second))
}

func (b *Bench) prepareBlueGreen(ctx context.Context) error {
	b.Peers = append(b.Peers, Peer{Name: "bluegreen", Title: "blue-green by hand", server: "127.0.0.1:8111"})
	i := len(b.Peers) - 1
	if err := b.Write(ctx, "/etc/nginx/sites-enabled/bluegreen", []byte(site(i, b.Peers[i])), 0o644); err != nil {
		return err
	}
	if _, err := b.shell(ctx, containerFlags+`--name bluegreen-8111 --publish 127.0.0.1:8111:8080 bench:v1
		nginx -t -q; systemctl reload nginx`); err != nil {
		return err
	}
	return b.answers(ctx, url(i, false, "/health"))
}

// underRequests replaces n times while GET, POST and slow requests run.
func (b *Bench) underRequests(ctx context.Context, how strategy, r *Replaced, n int, o SwapOptions, calm time.Duration) error {
	target := url(b.peer(how.peer), false, "/")
	stop, err := b.loads(ctx,
		load.Options{URL: target, Rate: o.Rate, PostBytes: 10_000},
		load.Options{URL: target, Rate: max(1, o.Rate/5), PostBytes: 1000, Query: "delay=" + slowFor.String()})
	if err != nil {
		return err
	}
	err = b.replacements(ctx, how, r, n, o.Pause, calm)
	results, stopErr := stop()
	if err := errors.Join(err, stopErr); err != nil {
		return err
	}
	r.Count += n
	r.Requests.add(results[0])
	r.Slow.add(results[1])
	return nil
}

// websockets that are open all the time.
const websockets = 4

func (b *Bench) underSockets(ctx context.Context, how strategy, r *Replaced, o SwapOptions, calm time.Duration) error {
	stop, err := b.loads(ctx, load.Options{URL: url(b.peer(how.peer), false, "/"), Websockets: websockets})
	if err != nil {
		return err
	}
	var unused Replaced // these swaps last as long as the grace time
	err = b.replacements(ctx, how, &unused, o.Sockets, o.Pause, calm)
	results, stopErr := stop()
	if err := errors.Join(err, stopErr); err != nil {
		return err
	}
	r.SocketCount = o.Sockets
	r.Sockets.add(load.Result{Requests: results[0].Sessions, Failed: results[0].SessionsBroken, Errors: results[0].Errors})
	return nil
}

func (w *Waits) add(r load.Result) {
	w.Requests += r.Requests
	w.Failed += r.Failed
	w.Resent += len(r.Resent)
	w.Longest = append(w.Longest, ms(r.Longest))
	for _, e := range r.Errors {
		if len(w.Errors) < 3 {
			w.Errors = append(w.Errors, e)
		}
	}
}

// loads starts a load client for each of the options; stop ends them all.
func (b *Bench) loads(ctx context.Context, options ...load.Options) (stop func() ([]load.Result, error), err error) {
	var stops []func() (string, error)
	stop = func() ([]load.Result, error) {
		results, errs := make([]load.Result, len(stops)), []error(nil)
		for i, end := range stops {
			out, err := end()
			if err == nil {
				err = json.Unmarshal([]byte(out), &results[i])
			}
			errs = append(errs, err)
		}
		return results, errors.Join(errs...)
	}
	for _, o := range options {
		data, err := json.Marshal(o)
		if err != nil {
			return nil, err
		}
		end, err := b.Start(ctx, "/opt/load", string(data))
		if err != nil {
			_, stopErr := stop()
			return nil, errors.Join(err, stopErr)
		}
		stops = append(stops, end)
	}
	return stop, nil
}

// timed measures the switch itself, under one client that asks without a pause,
// and then, in turn, a whole swap of an idle app and docker run of its image.
func (b *Bench) timed(ctx context.Context, s *Swaps, n int) error {
	stop, err := b.Start(ctx, "/opt/load", "-switches", "/var/lib/edgeman/apps/"+Proxy+"/live", url(b.peer(Proxy), false, "/health"))
	if err != nil {
		return err
	}
	overlap := strategies()[0]
	for range n {
		err = errors.Join(err, b.replace(ctx, overlap))
	}
	out, stopErr := stop()
	if err := errors.Join(err, stopErr); err != nil {
		return err
	}
	var took []time.Duration
	if err := json.Unmarshal([]byte(out), &took); err != nil {
		return err
	}
	for _, d := range took {
		s.Switch = append(s.Switch, ms(d))
	}
	if len(took) != n {
		return fmt.Errorf("%d swaps, but %d switches were seen", n, len(took))
	}
	return b.wallClock(ctx, s, overlap, n)
}

const dockerRun = containerFlags + `--name probe --publish 127.0.0.1:8120:8080 "bench:$1"
until curl -sf -o /dev/null --max-time 1 http://127.0.0.1:8120/health; do sleep 0.01; done`

func (b *Bench) wallClock(ctx context.Context, s *Swaps, overlap strategy, n int) error {
	for i := range n {
		start := time.Now()
		if _, err := b.shell(ctx, dockerRun, version(i)); err != nil {
			return err
		}
		s.Run = append(s.Run, time.Since(start).Seconds())
		if _, err := b.Run(ctx, "docker", "rm", "--force", "probe"); err != nil {
			return err
		}
		start = time.Now()
		if err := b.replace(ctx, overlap); err != nil {
			return err
		}
		s.Swap = append(s.Swap, time.Since(start).Seconds())
	}
	return nil
}
