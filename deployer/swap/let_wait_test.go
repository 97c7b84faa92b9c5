package swap

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/pause"
	"edgeman/deployer/state"
	"edgeman/sockets"
)

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
	brief := func(o Options, run func(context.Context, Options) (Result, error)) error {
		ctx, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		defer cancel()
		o.App = "myapp"
		_, err := run(ctx, o)
		return err
	}
	swap := func(o Options) func(*world) error {
		return func(w *world) error {
			o.Strategy = state.StopFirst
			return brief(o, w.Swap)
		}
	}
	restart := func(w *world) error {
		return brief(Options{Strategy: state.StopFirst}, w.Restart)
	}
	slow := func(w *world) { w.grace(3 * time.Minute) }
	events := func(all ...state.Event) func(w *world) {
		return func(w *world) {
			for _, e := range all {
				e.Outcome = state.Done
				if err := w.Paths.Record("myapp", e); err != nil {
					w.T.Fatal(err)
				}
			}
		}
	}
	for name, row := range map[string]struct {
		before func(w *world)
		do     func(w *world) error
		want   []string // of the refusal; nil: none
	}{
		"the stop timeout": {slow, swap(Options{Image: "v2"}), []string{"the container's own stop timeout is 3m", "nginx gives up after 1m (proxy_read_timeout in server example.com, location /)", "--let-wait"}},
		"a slow boot":      {events(state.Event{Boot: 75, Stop: 1}), swap(Options{Image: "v2"}), []string{"the last start took 1m15s", "stopping the container took 1s"}},
		"both together":    {events(state.Event{Boot: 35, Stop: 35}), restart, []string{"the last start took 35s"}},
		"a restart":        {slow, restart, []string{"own stop timeout"}},
		"a pause": {func(*world) {}, func(w *world) error {
			return w.Pauses.Pause(ctx, pause.Options{App: "myapp", Max: 2 * time.Minute})
		}, []string{"the pause may take 2m", "pause for less with --max"}},
		"a short pause": {slow, func(w *world) error {
			w.Holds(sockets.Slot{App: "myapp", Color: sockets.Blue})
			return w.Pauses.Pause(ctx, pause.Options{App: "myapp", Max: 50 * time.Second})
		}, nil},
		"a pause that may be long": {slow, func(w *world) error {
			w.Holds(sockets.Slot{App: "myapp", Color: sockets.Blue})
			return w.Pauses.Pause(ctx, pause.Options{App: "myapp", Max: 2 * time.Minute, LetWait: true})
		}, nil},
		"it fits":                      {events(state.Event{Boot: 30, Stop: 2}), swap(Options{Image: "v2"}), nil},
		"it stops sooner than it may":  {func(w *world) { slow(w); events(state.Event{Boot: 3, Stop: 2})(w) }, swap(Options{Image: "v2"}), nil},
		"accepted":                     {slow, swap(Options{Image: "v2", LetWait: true}), nil},
		"side by side nobody waits":    {slow, func(w *world) error { return brief(Options{Image: "v2"}, w.Swap) }, nil},
		"nobody is served":             {func(w *world) { slow(w); w.health(false) }, swap(Options{Image: "v2"}), nil},
		"where nginx leads is unknown": {func(w *world) { slow(w); w.site("events {}\nhttp {}\n") }, swap(Options{Image: "v2"}), nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.Adopted()
			w.health(true)
			w.grace(10 * time.Second)
			w.site(slowSite)
			row.before(w)
			calls := len(w.Calls)
			history, _ := w.Paths.History("myapp")
			err := row.do(w)
			if row.want == nil {
				if outcome.ExitCode(err) == outcome.ExitRefused {
					t.Errorf("refused: %v", err)
				}
				return
			}
			if outcome.ExitCode(err) != outcome.ExitRefused {
				t.Fatalf("exit code %d, %v; want a refusal\n%s", outcome.ExitCode(err), err, &w.Stderr)
			}
			for _, want := range row.want {
				if !strings.Contains(hint.Text(err), want) {
					t.Errorf("lacks %q:\n%v", want, err)
				}
			}
			after, _ := w.Paths.History("myapp")
			if numbers, _ := w.Paths.ReleaseNumbers("myapp"); len(w.Calls) != calls || len(after) != len(history) || len(numbers) != 1 {
				t.Errorf("it did %v, recorded %v, releases %v", w.Calls[calls:], after[len(history):], numbers)
			}
		})
	}
}

// grace gives all containers a stop timeout.
func (w *world) grace(d time.Duration) {
	for name, c := range w.Containers {
		c.StopTimeout = d
		w.Containers[name] = c
	}
}

// health is what the live slot's service says of its app.
func (w *world) health(on bool) {
	blue := sockets.Slot{App: "myapp", Color: sockets.Blue}
	st, _, err := w.Paths.ReadSlotStatus(blue)
	st.Healthy = on
	if err = errors.Join(err, w.Paths.WriteSlotStatus(blue, st)); err != nil {
		w.T.Fatal(err)
	}
}

// site is all of nginx's configuration.
func (w *world) site(text string) {
	text = strings.ReplaceAll(text, "LIVE", w.Paths.LiveSocket("myapp", "8080"))
	if err := os.WriteFile(filepath.Join(filepath.Dir(w.Paths.Etc), "nginx.conf"), []byte(text), 0o600); err != nil {
		w.T.Fatal(err)
	}
}
