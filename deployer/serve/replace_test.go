package serve

import (
	"testing"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/fake"
	"edgeman/deployer/state"
	"edgeman/sockets"
)

// replacing has release 1 run in the other slot, and this one wait for its end.
func (w *world) replacing(app *fake.EchoApp) (other sockets.Slot, lock *state.Lock) {
	w.t.Helper()
	other = w.slot.Other()
	w.live(other)
	w.must(w.paths.FillSlot(other, 1))
	_, err := w.engine.Create(w.t.Context(), docker.Spec{
		Name: "myapp-green-1", Labels: map[string]string{"edgeman.app": "myapp", "edgeman.slot": "green", "edgeman.release": "1"},
	})
	w.must(err)
	w.must(w.engine.Start(w.t.Context(), "myapp-green-1"))
	lock, err = w.paths.TakeLock(w.t.Context(), "myapp", "swap", 0)
	w.must(err)
	w.must(lock.Candidate(w.slot))
	w.pause(state.PauseReplace, "", 5*time.Second)
	w.must(w.paths.FillSlot(w.slot, 1))
	w.start(app)
	time.Sleep(time.Second)
	w.wants(state.PhaseHolding)
	return other, lock
}

func TestReplaceWaitsForTheOtherSlot(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		other, lock := w.replacing(app)
		w.wantRunning("myapp-green-1")
		w.live(w.slot)
		w.must(lock.Candidate(sockets.Slot{}))
		time.Sleep(time.Minute) // far beyond the deadline of the pause
		lock.Unlock()           // nobody need be there
		time.Sleep(10 * time.Second)
		w.wants(state.PhaseHolding)
		w.must(w.engine.Stop(t.Context(), "myapp-green-1")) // it is about to start again
		time.Sleep(time.Second)
		w.must(w.paths.EmptySlot(other))
		time.Sleep(time.Second)
		w.away(true)
		w.engine.mu.Lock()
		delete(w.engine.containers, "myapp-green-1")
		w.engine.mu.Unlock()
		time.Sleep(5 * time.Second)
		w.wantRunning() // not knowing is no reason to start
		w.away(false)
		time.Sleep(5 * time.Second)
		w.wants(state.PhaseHealthy)
		w.wantRunning("myapp-blue-1")
		w.wantsNoPause()
		w.stop()
	})
}

// A candidate whose command died before the switch leaves nothing behind.
func TestReplaceWhoseCommandDiedEarly(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		_, lock := w.replacing(app)
		lock.Unlock()
		w.ends(20*time.Second, exitEmptied)
		w.wantRunning("myapp-green-1")
		if len(w.engine.containers) != 1 {
			t.Errorf("containers %v", w.engine.containers)
		}
		if p, _, _ := w.paths.ReadPause(w.slot); !p.Until.IsZero() {
			t.Error("the pause is still there")
		}
	})
}

// What cannot be created is known before anybody has to wait.
func TestReplaceThatCannotBeCreated(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.engine.behaviour["image-1"] = behaviour{missing: true}
		w.live(w.slot.Other())
		w.must(w.paths.FillSlot(w.slot.Other(), 1))
		lock, err := w.paths.TakeLock(t.Context(), "myapp", "swap", 0)
		w.must(err)
		defer lock.Unlock()
		w.must(lock.Candidate(w.slot))
		w.pause(state.PauseReplace, "", time.Minute)
		w.must(w.paths.FillSlot(w.slot, 1))
		w.start(app)
		time.Sleep(3 * time.Second)
		if st := w.wants(state.PhaseFailed); st.Message != "no such image: not found" {
			t.Errorf("message %q", st.Message)
		}
		w.stop()
	})
}
