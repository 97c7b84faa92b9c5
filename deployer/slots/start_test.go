package slots

import (
	"context"
	"testing"
	"time"

	"edgeman/deployer/state"
	"edgeman/sockets"
)

// A slot is not what was asked for before all of its replicas are.
func TestAwaitHealthyWaitsForAllReplicas(t *testing.T) {
	w := newWorld(t)
	slot := sockets.Slot{App: "myapp", Color: sockets.Blue}
	st := state.SlotStatus{Phase: state.PhaseHealthy, Release: 4, Container: "myapp-blue-4-1", Replicas: []state.Replica{
		{Container: "myapp-blue-4-1", Phase: state.PhaseHealthy}, {Container: "myapp-blue-4-2", Phase: state.PhaseStarting},
	}}
	if err := w.Paths.WriteSlotStatus(slot, st); err != nil {
		t.Fatal(err)
	}
	if err := w.AwaitHealthy(context.Background(), slot, 4, 100*time.Millisecond); err == nil {
		t.Error("one of two was enough")
	}
	if got := w.Ailing(slot, state.Release{App: "myapp", Number: 4, Replicas: 2}); got != "myapp-blue-4-2" {
		t.Errorf("the one to look at is %s", got)
	}
	st.Replicas[1].Phase = state.PhaseHealthy
	if err := w.Paths.WriteSlotStatus(slot, st); err != nil {
		t.Fatal(err)
	}
	if err := w.AwaitHealthy(context.Background(), slot, 4, time.Second); err != nil {
		t.Error(err)
	}
}
