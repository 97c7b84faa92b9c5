package serve

import (
	"testing"
	"time"

	"edgeman/deployer/fake"
	"edgeman/deployer/serve/run"
	"edgeman/deployer/state"
)

// While this process accepts, the socket must not be blocking, whatever the
// slot's own app wants: accept would wait for ever.
func TestForwardOfBlockingNative(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.engine.behaviour["image-1"] = behaviour{healthcheck: func() int { return 0 }}
		w.inMode(1, run.Native)
		r, err := w.paths.ReadRelease("myapp", 1)
		w.must(err)
		r.Blocking = true
		w.must(state.WriteJSON(w.paths.Release("myapp", 1), r))
		w.healthy(app)
		if !w.listener.isBlocking() {
			t.Error("the app does not get a blocking socket")
		}
		forward := state.Pause{Until: time.Now().Add(time.Minute), Reason: state.PauseUnadopt, Container: w.other(), Forward: true}
		w.must(w.paths.SetPause(w.slot, forward))
		w.nudge()
		time.Sleep(5 * time.Second)
		if !w.open() || w.listener.isBlocking() {
			t.Errorf("open %v, blocking %v, while this process forwards", w.open(), w.listener.isBlocking())
		}
		w.must(w.paths.ClearPause(w.slot))
		w.nudge()
		time.Sleep(5 * time.Second)
		if !w.listener.isBlocking() {
			t.Error("the app does not get a blocking socket again")
		}
		w.stop()
	})
}

// What waits while an app is given back goes to the container that it is given
// back to, once that runs, and to the slot's own if the release is given up.
func TestForward(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.healthy(app)
		w.pause(state.PauseUnadopt, "", time.Minute)
		w.nudge()
		time.Sleep(2 * time.Second)
		if st := w.wants(state.PhaseHolding); !st.Stopped || w.open() {
			t.Fatalf("not at rest: %+v", st)
		}
		original := w.other()
		forward := state.Pause{Until: time.Now().Add(time.Minute), Reason: state.PauseUnadopt, Container: original, Forward: true}
		w.must(w.paths.SetPause(w.slot, forward))
		w.nudge()
		time.Sleep(time.Second)
		if !w.open() || w.listener.isPaused() {
			t.Error("requests wait, and the original runs")
		}
		w.wantRunning(original)

		forward.Forward = false
		w.must(w.paths.SetPause(w.slot, forward))
		w.nudge()
		time.Sleep(time.Second)
		if w.open() || !w.listener.isPaused() {
			t.Error("requests still go to the original")
		}
		w.stop()
	})
}

// An app that was adopted from several containers does not start before the last
// of them has stopped, and goes back to all of them.
func TestSeveralOriginals(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		originals := []string{w.other(), w.otherCalled("second")}
		w.live(w.slot)
		w.must(w.paths.FillSlot(w.slot, 1))
		pause := state.PauseFor(time.Now().Add(time.Second), state.PauseAdopt, originals)
		w.must(w.paths.SetPause(w.slot, pause))
		w.start(app)
		time.Sleep(2 * time.Second)
		w.must(w.engine.Stop(t.Context(), originals[0]))
		time.Sleep(3 * time.Second)
		w.wantRunning("second")

		w.must(w.engine.Stop(t.Context(), originals[1]))
		time.Sleep(3 * time.Second)
		w.wantRunning("myapp-blue-1")
		w.wants(state.PhaseHealthy)

		pause = state.PauseFor(time.Now().Add(time.Minute), state.PauseUnadopt, originals)
		w.must(w.paths.SetPause(w.slot, pause))
		w.nudge()
		time.Sleep(2 * time.Second)
		for _, id := range originals {
			w.must(w.engine.Start(t.Context(), id))
		}
		pause.Forward = true
		w.must(w.paths.SetPause(w.slot, pause))
		w.nudge()
		time.Sleep(time.Second)
		if !w.open() || w.listener.isPaused() || len(w.k.originals) != 2 {
			t.Errorf("requests wait, and %d of 2 originals get some", len(w.k.originals))
		}
		w.wantRunning("original", "second")
		w.stop()
	})
}

// An adoption that is killed after nginx was turned must not leave its requests
// waiting: they go to the adopted container while that runs, and the slot's own
// starts at once where it was stopped for good.
func TestKilledAdoptionGoesOnServing(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		original := w.other()
		w.restartPolicy(original, "always")
		w.live(w.slot)
		w.must(w.paths.FillSlot(w.slot, 1))
		lock, err := w.paths.TakeLock(t.Context(), "myapp", "adopt", 0)
		w.must(err)
		w.pause(state.PauseAdopt, original, time.Hour)
		w.start(app)
		time.Sleep(2 * time.Second)
		if w.open() || !w.listener.isPaused() {
			t.Error("requests get in while adopt is at work")
		}

		lock.Unlock() // as the kernel does for a dead holder
		w.nudge()
		time.Sleep(2 * time.Second)
		if !w.open() || w.listener.isPaused() {
			t.Error("requests wait, and the adopted container runs")
		}
		w.wantRunning("original")

		lock, err = w.paths.TakeLock(t.Context(), "myapp", "repair", 0)
		w.must(err)
		w.pause(state.PauseAdopt, original, time.Hour)
		w.nudge()
		time.Sleep(2 * time.Second)
		if st := w.wants(state.PhaseHolding); w.open() || !w.listener.isPaused() {
			t.Errorf("requests still go to the adopted container while it is retired: %+v", st)
		}

		lock.Unlock()
		w.must(w.engine.Stop(t.Context(), original))
		w.nudge()
		time.Sleep(2 * time.Second)
		w.wantRunning() // it restarts by itself: Docker may be about to

		w.restartPolicy(original, "no")
		time.Sleep(3 * time.Second)
		w.wantRunning("myapp-blue-1")
		w.wants(state.PhaseHealthy)
		if !w.open() || w.listener.isPaused() {
			t.Error("requests wait")
		}
		w.stop()
	})
}

func (w *world) restartPolicy(container, policy string) {
	w.engine.mu.Lock()
	defer w.engine.mu.Unlock()
	w.engine.containers[container].RestartPolicy = policy
}
