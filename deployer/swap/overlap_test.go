package swap

import (
	"context"
	"strings"
	"testing"
	"time"

	"edgeman/deployer/state"
	"edgeman/sockets"
)

// Whoever waits for a slot that still drains is told, once, how not to.
func TestWaitForADrainingSlotNamesCut(t *testing.T) {
	for _, cut := range []bool{false, true} {
		w := newWorld(t)
		w.Adopted()
		green := sockets.Slot{App: "myapp", Color: sockets.Green}
		if err := w.Fill(context.Background(), green, state.Release{Number: 1}, state.Pause{}); err != nil {
			t.Fatal(err)
		}
		st := state.SlotStatus{Phase: state.PhaseDraining, Release: 1, Open: 4, Message: "4 connections (4 websockets) left, cut at 12:00:00"}
		if err := w.Paths.WriteSlotStatus(green, st); err != nil {
			t.Fatal(err)
		}
		s := &swap{Host: w.Host, Options: Options{Cut: cut}, idle: green, op: state.Operation{Name: "swap"}}
		w.Retire.Store(false)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		err := s.makeRoom(ctx)
		cancel()
		if err == nil {
			t.Error("it did not wait")
		}
		want := "note: green still drains from an earlier swap: 4 connections (4 websockets) left, cut at 12:00:00; --cut ends that at once"
		if n := strings.Count(w.Stderr.String(), want); n == 0 != cut || n > 1 {
			t.Errorf("cut %v: says it %d times:\n%s", cut, n, &w.Stderr)
		}
	}
}
