package swap

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"edgeman/deployer/docker/registry"
	"edgeman/deployer/fake"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/state"
	"edgeman/sockets"
)

// After the switch a signal ends the wait and nothing else: the release serves
// and is on record.
func TestInterruptedAfterTheSwitch(t *testing.T) {
	w := newWorld(t)
	w.Adopted()
	w.Retire.Store(false)
	ctx := fake.SignalWhen(t, func() bool {
		slot, _, _ := sockets.ReadLive(w.Paths.Live("myapp"))
		return slot.Color == sockets.Green
	})
	result, err := w.Swap(ctx, Options{App: "myapp", Image: "v2"})
	if err != nil {
		t.Fatal(err)
	}
	if !result.Draining || !result.Interrupted || result.Slot != "myapp:green" || result.Seconds <= 0 {
		t.Errorf("%+v", result)
	}
	if want := "; interrupted after the switch: release 2 is live, the old slot drains in the background"; !strings.Contains(result.Summary(), want) {
		t.Errorf("%q lacks %q", result.Summary(), want)
	}
	if color, release := w.LiveSlot(); color != sockets.Green || release != 2 {
		t.Errorf("live %s with release %d", color, release)
	}
	events, err := w.Paths.History("myapp")
	if err != nil || len(events) != 1 || events[0].Outcome != state.Done || events[0].Note != "interrupted after the switch" {
		t.Errorf("history %+v, %v", events, err)
	}
	w.Retire.Store(true)
	if _, err := w.Rollback(t.Context(), Options{App: "myapp"}); err != nil {
		t.Errorf("rollback after it: %v", err)
	}
}

// Before the switch the signal is the cause, not the health of a release that
// got no time.
func TestInterruptedBeforeTheSwitch(t *testing.T) {
	for _, strategy := range []string{state.Overlap, state.StopFirst} {
		t.Run(strategy, func(t *testing.T) {
			w := newWorld(t)
			w.Adopted()
			w.Sick["sha256:v2"] = true
			slot, begun := sockets.Slot{App: "myapp", Color: sockets.Blue}, time.Now()
			ctx := fake.SignalWhen(t, func() bool {
				_, next, _ := w.Paths.NextRelease(slot)
				_, filled, _ := w.Paths.SlotRelease(slot.Other())
				return (next || filled) && time.Since(begun) > 100*time.Millisecond
			})
			result, err := w.Swap(ctx, Options{App: "myapp", Image: "v2", Strategy: strategy})
			want := "interrupted\nmyapp serves as before\nhint: everything was undone; run the same command again"
			if outcome.ExitCode(err) != outcome.ExitFailed || hint.Text(err) != want {
				t.Errorf("exit code %d, %q; want %d, %q", outcome.ExitCode(err), err, outcome.ExitFailed, want)
			}
			if result.Slot != "myapp:blue" || result.Seconds <= 0 {
				t.Errorf("%+v", result)
			}
			events, err := w.Paths.History("myapp")
			if err != nil || len(events) != 1 || events[0].Outcome != state.Failed || events[0].Note != "interrupted" {
				t.Errorf("history %+v, %v", events, err)
			}
		})
	}
}

// A release that a signal kept from being pulled, and one whose registry does
// not answer, are in the history without a number.
func TestFailedPullIsOnRecord(t *testing.T) {
	w := newWorld(t)
	w.Adopted()
	w.Docker = pullFails{fake.Docker{World: w.World}}
	result, err := w.Swap(t.Context(), Options{App: "myapp", Image: "v9"})
	if outcome.ExitCode(err) != outcome.ExitFailed || !strings.Contains(err.Error(), "myapp serves as before") || strings.Contains(err.Error(), "start.timeout") {
		t.Errorf("exit code %d, %v", outcome.ExitCode(err), err)
	}
	if result.Slot != "myapp:blue" || result.Image != "myapp:v9" {
		t.Errorf("%+v", result)
	}
	events, err := w.Paths.History("myapp")
	if err != nil || len(events) != 1 || events[0].Outcome != state.Failed || events[0].Image != "myapp:v9" || events[0].Release != 0 {
		t.Errorf("history %+v, %v", events, err)
	}
	w.Docker = fake.Docker{World: w.World}
	if _, err := w.Swap(t.Context(), Options{App: "myapp", Image: "v2"}); err != nil {
		t.Errorf("the next swap: %v", err)
	}
}

type pullFails struct{ fake.Docker }

func (pullFails) Pull(context.Context, string, func(registry.Progress)) error {
	return errors.New("docker: pull myapp:v9: manifest unknown")
}
