package deployer

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/hint"
	"edgeman/deployer/state"
	"edgeman/sockets"
)

// How long a replacement takes is known from the containers' own settings and
// from what the same took before.
func TestReplacementIsEstimated(t *testing.T) {
	done := func(stop, boot float64) state.Event {
		return state.Event{Outcome: state.Done, Stop: stop, Boot: boot}
	}
	const grace = 3 * time.Minute
	for name, row := range map[string]struct {
		events []state.Event
		grace  time.Duration
		want   time.Duration
	}{
		"nothing is on record":     {nil, grace, grace},
		"nothing runs":             {[]state.Event{done(2, 7)}, 0, 7 * time.Second},
		"both are":                 {[]state.Event{done(170, 7)}, grace, 177 * time.Second},
		"only the start":           {[]state.Event{done(0, 7)}, grace, grace + 7*time.Second},
		"the last start":           {[]state.Event{done(1, 70), done(1, 7)}, grace, 8 * time.Second},
		"the longest stop of late": {[]state.Event{done(90, 1), done(2, 1), done(3, 1), done(0, 0)}, grace, 91 * time.Second},
		"not that of long ago":     {[]state.Event{done(90, 1), done(1, 1), done(1, 1), done(1, 1), done(1, 1), done(1, 1)}, grace, 2 * time.Second},
		"not of a run that failed": {[]state.Event{done(1, 1), {Outcome: state.Failed, Boot: 60, Stop: 60}}, grace, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (wait{parts: replacement(row.events, row.grace)}).total(); got != row.want {
				t.Errorf("%s, want %s", got, row.want)
			}
		})
	}
}

const slowSite = `events {}
http {
	upstream my_app { server unix:LIVE; }
	server { server_name example.com; proxy_read_timeout 5m;
		location / { proxy_read_timeout 1m; proxy_pass http://my_app; }
		location /x { proxy_read_timeout 1s; proxy_pass http://127.0.0.1:9; }
	}
}
`

// A wait that nginx will not have is refused, with the figures, before anything
// is begun; it is not where nobody is served anyway, or where it is accepted.
func TestWaitThatCannotFitIsRefused(t *testing.T) {
	ctx := context.Background()
	// One that is not refused need not come to its end here.
	brief := func(o SwapOptions, run func(context.Context, SwapOptions) (SwapResult, error)) error {
		ctx, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		defer cancel()
		o.App = "myapp"
		_, err := run(ctx, o)
		return err
	}
	swap := func(o SwapOptions) func(*world) error {
		return func(w *world) error {
			o.Strategy = "recreate"
			return brief(o, w.Swap)
		}
	}
	restart := func(w *world) error {
		return brief(SwapOptions{Strategy: "recreate"}, w.Restart)
	}
	slow := func(w *world) { w.grace(3 * time.Minute) }
	events := func(all ...state.Event) func(w *world) {
		return func(w *world) {
			for _, e := range all {
				e.Outcome = state.Done
				if err := w.Paths.Record("myapp", e); err != nil {
					w.t.Fatal(err)
				}
			}
		}
	}
	for name, row := range map[string]struct {
		before func(w *world)
		do     func(w *world) error
		want   []string // of the refusal; nil: none
	}{
		"the stop timeout": {slow, swap(SwapOptions{Image: "v2"}), []string{"the container's own stop timeout is 3m", "nginx gives up after 1m (proxy_read_timeout in server example.com, location /)", "--let-wait"}},
		"a slow boot":      {events(state.Event{Boot: 75, Stop: 1}), swap(SwapOptions{Image: "v2"}), []string{"the last start took 1m15s", "stopping the container took 1s"}},
		"both together":    {events(state.Event{Boot: 35, Stop: 35}), restart, []string{"the last start took 35s"}},
		"a restart":        {slow, restart, []string{"own stop timeout"}},
		"a pause": {func(*world) {}, func(w *world) error {
			return w.Pause(ctx, PauseOptions{App: "myapp", Max: 2 * time.Minute})
		}, []string{"the pause may take 2m", "pause for less with --max"}},
		"a short pause": {slow, func(w *world) error {
			w.holds(sockets.Slot{App: "myapp", Color: sockets.Blue})
			return w.Pause(ctx, PauseOptions{App: "myapp", Max: 50 * time.Second})
		}, nil},
		"a pause that may be long": {slow, func(w *world) error {
			w.holds(sockets.Slot{App: "myapp", Color: sockets.Blue})
			return w.Pause(ctx, PauseOptions{App: "myapp", Max: 2 * time.Minute, LetWait: true})
		}, nil},
		"it fits":                      {events(state.Event{Boot: 30, Stop: 2}), swap(SwapOptions{Image: "v2"}), nil},
		"it stops sooner than it may":  {func(w *world) { slow(w); events(state.Event{Boot: 3, Stop: 2})(w) }, swap(SwapOptions{Image: "v2"}), nil},
		"accepted":                     {slow, swap(SwapOptions{Image: "v2", LetWait: true}), nil},
		"side by side nobody waits":    {slow, func(w *world) error { return brief(SwapOptions{Image: "v2"}, w.Swap) }, nil},
		"nobody is served":             {func(w *world) { slow(w); w.health(false) }, swap(SwapOptions{Image: "v2"}), nil},
		"where nginx leads is unknown": {func(w *world) { slow(w); w.site("events {}\nhttp {}\n") }, swap(SwapOptions{Image: "v2"}), nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.adopted()
			w.health(true)
			w.grace(10 * time.Second)
			w.site(slowSite)
			row.before(w)
			calls := len(w.calls)
			history, _ := w.Paths.History("myapp")
			err := row.do(w)
			if row.want == nil {
				if ExitCode(err) == ExitRefused {
					t.Errorf("refused: %v", err)
				}
				return
			}
			if ExitCode(err) != ExitRefused {
				t.Fatalf("exit code %d, %v; want a refusal\n%s", ExitCode(err), err, &w.err)
			}
			for _, want := range row.want {
				if !strings.Contains(hint.Text(err), want) {
					t.Errorf("lacks %q:\n%v", want, err)
				}
			}
			after, _ := w.Paths.History("myapp")
			if numbers, _ := w.Paths.ReleaseNumbers("myapp"); len(w.calls) != calls || len(after) != len(history) || len(numbers) != 1 {
				t.Errorf("it did %v, recorded %v, releases %v", w.calls[calls:], after[len(history):], numbers)
			}
		})
	}
}

// grace gives all containers a stop timeout.
func (w *world) grace(d time.Duration) {
	for name, c := range w.containers {
		c.StopTimeout = d
		w.containers[name] = c
	}
}

// health is what the live slot's service says of its app.
func (w *world) health(on bool) {
	blue := sockets.Slot{App: "myapp", Color: sockets.Blue}
	st, _, err := w.Paths.ReadSlotStatus(blue)
	st.Healthy = on
	if err = errors.Join(err, w.Paths.WriteSlotStatus(blue, st)); err != nil {
		w.t.Fatal(err)
	}
}

// site is all of nginx's configuration.
func (w *world) site(text string) {
	text = strings.ReplaceAll(text, "LIVE", w.Paths.Live("myapp"))
	if err := os.WriteFile(filepath.Join(filepath.Dir(w.Paths.Etc), "nginx.conf"), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// An adopted container has no record yet: its own stop timeout counts.
func TestAdoptWeighsTheStopTimeout(t *testing.T) {
	c := candidate{name: "myapp", containers: []docker.Container{{Running: true, StopTimeout: 10 * time.Second}, {Running: true, StopTimeout: 3 * time.Minute}}}
	if got := grace(c.containers); got != 3*time.Minute {
		t.Errorf("%s", got)
	}
}
