package swap

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"edgeman/deployer/outcome"
	"edgeman/deployer/state"
	"edgeman/sockets"
)

// adoptedNative is an app in native mode that is replaced stop first.
func (w *world) adoptedNative() {
	w.T.Helper()
	w.Adopted()
	app, err := w.Paths.ReadApp("myapp")
	if err != nil {
		w.T.Fatal(err)
	}
	app.Mode, app.Strategy, app.KeepWarm = "native", state.StopFirst, state.Duration(time.Hour)
	r, err := w.Paths.ReadRelease("myapp", 1)
	if err != nil {
		w.T.Fatal(err)
	}
	r.Mode = "native"
	for _, err := range []error{w.Paths.WriteApp(app), state.WriteJSON(w.Paths.Release("myapp", 1), r)} {
		if err != nil {
			w.T.Fatal(err)
		}
	}
}

func TestRecreateNative(t *testing.T) {
	tests := []struct {
		name string
		sick bool
		code int
		want int
	}{
		{"well", false, outcome.ExitDone, 2},
		{"sick", true, outcome.ExitFailed, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.adoptedNative()
			w.Sick["sha256:v2"] = tt.sick
			w.replaces(sockets.Slot{App: "myapp", Color: sockets.Blue})
			result, err := w.Swap(t.Context(), Options{App: "myapp", Image: "v2"})
			if outcome.ExitCode(err) != tt.code {
				t.Fatalf("exit code %d, %v", outcome.ExitCode(err), err)
			}
			if color, release := w.LiveSlot(); color != sockets.Blue || release != tt.want || result.Slot != "myapp:blue" {
				t.Errorf("live is %s with release %d, want blue with %d; %+v", color, release, tt.want, result)
			}
			if tt.sick && !strings.Contains(err.Error(), "release 1 serves again") {
				t.Error(err)
			}
			if len(w.Containers) != 1 {
				t.Errorf("containers %v, want one", w.Containers)
			}
			wantStep(t, w, "socket", "switch")
		})
	}
}

func wantStep(t *testing.T, w *world, steps ...string) {
	t.Helper()
	for _, step := range steps {
		if !strings.Contains(w.Stderr.String(), "  "+step) {
			t.Errorf("no step %q in\n%s", step, &w.Stderr)
		}
	}
}

// replaces does what the services of the two slots do while requests wait in the
// other one: a command that died is obeyed no more.
func (w *world) replaces(slot sockets.Slot) {
	ctx := w.T.Context()
	done := make(chan struct{})
	w.T.Cleanup(func() { <-done }) // or it might write while the directory is removed
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			time.Sleep(5 * time.Millisecond)
			next, pending, _ := w.Paths.NextRelease(slot)
			live, _, _ := sockets.ReadLive(w.Paths.Live(slot.App))
			if !pending || live == slot {
				continue
			}
			settle := w.Paths.WithdrawNext
			if !w.Sick[next.ImageID] {
				settle = w.Paths.Promote
			}
			if err := settle(ctx, slot, next.Number); err != nil {
				w.T.Error(err)
			}
			r, _, _ := w.Paths.SlotRelease(slot)
			_ = w.Paths.WriteSlotStatus(slot, state.SlotStatus{Phase: state.PhaseHealthy, Release: r.Number, Since: time.Now()})
		}
	}()
}

// A command that was killed while requests wait in the other slot: the services
// give back on their own, and the next command waits for that.
func TestRecreateNativeInterrupted(t *testing.T) {
	blue := sockets.Slot{App: "myapp", Color: sockets.Blue}
	for _, switched := range []bool{false, true} {
		w := newWorld(t)
		w.adoptedNative()
		r := state.Release{App: "myapp", Image: "myapp:v2", ImageID: "sha256:v2", Mode: "native", Settings: json.RawMessage(`{"version":1}`)}
		op := state.Operation{Name: "swap", Step: state.StepStopFirst, Release: 2, From: 1, Slot: blue.String(), Started: time.Now()}
		old, err := w.Paths.ReadRelease("myapp", 1)
		for _, err := range []error{
			err, w.Paths.WriteRelease(&r), w.Paths.BeginStep("myapp", op),
			w.Fill(context.Background(), blue.Other(), old, state.Pause{Until: time.Now().Add(time.Hour), Reason: state.PauseStandIn}),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if switched {
			if err := errors.Join(w.Paths.SetNext(blue, 2), sockets.SwitchLive(w.Paths.Live("myapp"), w.Paths.Run, blue.Other())); err != nil {
				t.Fatal(err)
			}
			go func() {
				for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
					if _, pending, _ := w.Paths.NextRelease(blue); !pending {
						break
					}
					if time.Now().After(end) {
						t.Error("a next release is still asked for")
						break
					}
				}
				_ = sockets.SwitchLive(w.Paths.Live("myapp"), w.Paths.Run, blue)
			}()
		}
		if err := w.Repairs.Repair(t.Context(), "myapp"); err != nil {
			t.Fatal(err)
		}
		if color, release := w.LiveSlot(); color != sockets.Blue || release != 1 {
			t.Errorf("switched %v: live is %s with release %d", switched, color, release)
		}
		if _, err := w.Swap(t.Context(), Options{App: "myapp", Image: "v3", Strategy: "overlap"}); err != nil {
			t.Errorf("switched %v: the next swap: %v", switched, err)
		}
		if p, _, _ := w.Paths.ReadPause(blue.Other()); !p.Until.IsZero() {
			t.Errorf("switched %v: the pause is still there", switched)
		}
	}
}

// Moving to a new program moves to the other slot.
func TestRenewNative(t *testing.T) {
	w := newWorld(t)
	w.adoptedNative()
	result, err := w.Restart(t.Context(), Options{App: "myapp", Renew: true})
	if err != nil {
		t.Fatal(err)
	}
	if color, release := w.LiveSlot(); color != sockets.Green || release != 1 || result.Slot != "myapp:green" {
		t.Errorf("live is %s with release %d; %+v", color, release, result)
	}
	if len(w.Containers) != 1 {
		t.Errorf("containers %v, want one", w.Containers)
	}
}
