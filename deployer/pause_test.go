package deployer

import (
	"context"
	"strings"
	"testing"
	"time"

	"edgeman/deployer/hint"
	"edgeman/deployer/state"
	"edgeman/sockets"
)

// holds does what the slot's service does during a pause.
func (w *world) holds(slot sockets.Slot) {
	w.t.Helper()
	if err := w.Paths.WriteSlotStatus(slot, state.SlotStatus{Phase: state.PhaseHolding, Release: 1}); err != nil {
		w.t.Fatal(err)
	}
}

func TestPauseAndResumeAreOnRecord(t *testing.T) {
	w := newWorld(t)
	w.adopted()
	w.Nginx = nil
	w.holds(sockets.Slot{App: "myapp", Color: sockets.Blue})
	if err := w.Pause(t.Context(), PauseOptions{App: "myapp", Max: 48 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	if want := "until " + time.Now().Add(48*time.Hour).Format(time.DateOnly); !strings.Contains(w.err.String(), want) {
		t.Errorf("lacks %q:\n%s", want, &w.err)
	}
	if err := w.Resume(t.Context(), "myapp"); err != nil {
		t.Fatal(err)
	}
	hist, err := w.History(t.Context(), "myapp", 0)
	if err != nil || len(hist.Events) != 2 || hist.Events[0].Operation != "pause" || hist.Events[1].Operation != "resume" {
		t.Errorf("%+v, %v", hist, err)
	}
	if hist.made() != -1 {
		t.Error("a pause is taken for what made the release live")
	}
}

func TestPauseThatDoesNotComeToRest(t *testing.T) {
	w := newWorld(t)
	w.adopted()
	w.Nginx = nil
	err := w.Pause(t.Context(), PauseOptions{App: "myapp", Max: 100 * time.Millisecond})
	if ExitCode(err) != ExitFailed || !strings.Contains(hint.Text(err), "requests flow as before\nhint: --max longer") {
		t.Errorf("exit code %d, %v", ExitCode(err), err)
	}
	ctx := signalled(t, func() bool {
		_, on, _ := w.Paths.ReadPause(sockets.Slot{App: "myapp", Color: sockets.Blue})
		return on
	})
	err = w.Pause(ctx, PauseOptions{App: "myapp", Max: time.Minute})
	if want := "interrupted; requests reach myapp:blue as before"; err == nil || hint.Text(err) != want {
		t.Errorf("%v, want %q", err, want)
	}
	if _, on, _ := w.Paths.ReadPause(sockets.Slot{App: "myapp", Color: sockets.Blue}); on {
		t.Error("the pause is still there")
	}
	events, _ := w.Paths.History("myapp")
	if len(events) != 2 || events[0].Outcome != state.Failed || events[1].Note != "interrupted; requests reach myapp:blue as before" {
		t.Errorf("history %+v", events)
	}
}

// Whoever waits for a slot that still drains is told, once, how not to.
func TestWaitForADrainingSlotNamesCut(t *testing.T) {
	for _, cut := range []bool{false, true} {
		w := newWorld(t)
		w.adopted()
		green := sockets.Slot{App: "myapp", Color: sockets.Green}
		if err := w.fill(context.Background(), green, state.Release{Number: 1}, state.Pause{}); err != nil {
			t.Fatal(err)
		}
		st := state.SlotStatus{Phase: state.PhaseDraining, Release: 1, Open: 4, Message: "4 connections (4 websockets) left, cut at 12:00:00"}
		if err := w.Paths.WriteSlotStatus(green, st); err != nil {
			t.Fatal(err)
		}
		s := &swap{Host: w.Host, cut: cut, op: state.Operation{Name: "swap"}}
		w.retire.Store(false)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		err := s.makeRoom(ctx, green)
		cancel()
		if err == nil {
			t.Error("it did not wait")
		}
		want := "note: green still drains from an earlier swap: 4 connections (4 websockets) left, cut at 12:00:00; --cut ends that at once"
		if n := strings.Count(w.err.String(), want); n == 0 != cut || n > 1 {
			t.Errorf("cut %v: says it %d times:\n%s", cut, n, &w.err)
		}
	}
}
