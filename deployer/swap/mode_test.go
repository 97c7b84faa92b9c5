package swap

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/state"
	"edgeman/sockets"
)

// mode is the one in the app file.
func (w *world) mode() string {
	w.T.Helper()
	app, err := w.Paths.ReadApp("myapp")
	if err != nil {
		w.T.Fatal(err)
	}
	return app.Mode
}

// A mode that was asked for stays from the switch on, whatever becomes of the
// command after it, and only then.
func TestModeStaysWithTheRelease(t *testing.T) {
	native := Options{App: "myapp", Image: "v2", Mode: "native", Drain: time.Millisecond, Timeout: time.Second}
	for name, row := range map[string]struct {
		do   func(w *world, ctx context.Context) error
		code int
		want string
	}{
		"done": {func(w *world, ctx context.Context) error {
			_, err := w.Swap(ctx, native)
			return err
		}, outcome.ExitDone, "native"},
		"never healthy": {func(w *world, ctx context.Context) error {
			w.Sick["sha256:v2"] = true
			_, err := w.Swap(ctx, native)
			return err
		}, outcome.ExitFailed, "proxy"},
		"interrupted in the drain": {func(w *world, ctx context.Context) error {
			w.Retire.Store(false)
			ctx, cancel := context.WithCancelCause(ctx)
			w.OnStep = func(step string) {
				if step == "switch" {
					cancel(outcome.ErrInterrupted)
				}
			}
			_, err := w.Swap(ctx, native)
			return err
		}, outcome.ExitDone, "native"},
		"killed before the mode was written": {func(w *world, ctx context.Context) error {
			r := state.Release{App: "myapp", Image: "myapp:v2", ImageID: "sha256:v2", Listeners: []state.Listener{state.PortListener(8080)}, Mode: "native", Settings: json.RawMessage(`{"version":1}`)}
			green := sockets.Slot{App: "myapp", Color: sockets.Green}
			op := state.Operation{Name: "swap", Step: "switch", Release: 2, From: 1, Slot: green.String(), Mode: "native"}
			err := errors.Join(w.Paths.WriteRelease(&r), w.Paths.BeginStep("myapp", op), w.Fill(ctx, green, r, state.Pause{}),
				sockets.SwitchLive(w.Paths.Live("myapp"), w.Paths.Run, green))
			if err != nil {
				return err
			}
			_, err = w.Swap(ctx, Options{App: "myapp", Image: "v3"})
			return err
		}, outcome.ExitDone, "native"},
		"the app file cannot be written": {func(w *world, ctx context.Context) error {
			w.OnStep = func(step string) {
				if step == "start" { // what is read stays, and what is renamed to it fails
					path := w.Paths.AppConfig("myapp")
					if err := errors.Join(os.Rename(path, path+".was"), os.Mkdir(path, 0o700)); err != nil {
						w.T.Error(err)
					}
				}
			}
			_, err := w.Swap(ctx, native)
			path := w.Paths.AppConfig("myapp")
			return errors.Join(err, os.Remove(path), os.Rename(path+".was", path))
		}, outcome.ExitBroken, "proxy"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.Adopted()
			err := row.do(w, context.Background())
			if outcome.ExitCode(err) != row.code {
				t.Errorf("exit code %d (%v), want %d", outcome.ExitCode(err), err, row.code)
			}
			if got := w.mode(); got != row.want {
				t.Errorf("the app file says %s, want %s", got, row.want)
			}
			if row.code == outcome.ExitBroken && (!strings.Contains(hint.Text(err), "serves in mode native") || !strings.Contains(hint.Text(err), `hint: set mode = "native" in `)) {
				t.Errorf("error %v", err)
			}
			live, _, _ := sockets.ReadLive(w.Paths.Live("myapp"))
			if r, _, _ := w.Paths.SlotRelease(live); r.Mode != row.want && row.code != outcome.ExitBroken {
				t.Errorf("release %d serves in mode %s", r.Number, r.Mode)
			}
		})
	}
}
