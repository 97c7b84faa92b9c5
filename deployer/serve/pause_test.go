package serve

import (
	"testing"
	"time"

	"edgeman/deployer/fake"
	"edgeman/deployer/serve/run"
	"edgeman/deployer/state"
)

func TestPauseHoldsRequestsUntilItsDeadline(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.live(w.slot)
		w.must(w.paths.FillSlot(w.slot, 1))
		w.start(app)
		time.Sleep(time.Second)
		w.passes(1)
		w.must(w.paths.SetPause(w.slot, state.Pause{Until: time.Now().Add(10 * time.Second), Reason: state.PauseAsked}))
		w.nudge()
		time.Sleep(time.Second)
		if st := w.wants(state.PhaseHealthy); st.Open != 1 {
			t.Errorf("not yet at rest, but %+v", st)
		}
		w.k.front.Gate.Leave()
		time.Sleep(time.Second)
		w.wants(state.PhaseHolding)
		if w.open() || !w.listener.isPaused() {
			t.Error("requests reach the app")
		}
		w.wantRunning("myapp-blue-1")
		time.Sleep(9 * time.Second)
		w.wants(state.PhaseHealthy)
		if !w.open() || w.listener.isPaused() {
			t.Error("requests wait after the pause")
		}
		if p, _, _ := w.paths.ReadPause(w.slot); !p.Until.IsZero() {
			t.Error("the pause is still there")
		}
		w.stop()
	})
}

func TestPauseFromBeforeAReboot(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.live(w.slot)
		w.must(w.paths.FillSlot(w.slot, 1))
		w.must(w.paths.SetPause(w.slot, state.Pause{Until: time.Now().Add(5 * time.Second), Reason: state.PauseAsked}))
		w.start(app)
		time.Sleep(4 * time.Second)
		w.wants(state.PhaseHolding)
		time.Sleep(2 * time.Second)
		w.wants(state.PhaseHealthy)
		w.stop()
	})
}

func TestAdoptionKeepsTheContainerFromStarting(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.live(w.slot)
		w.must(w.paths.FillSlot(w.slot, 1))
		w.must(w.paths.SetPause(w.slot, state.Pause{Until: time.Now().Add(time.Minute), Reason: state.PauseAdopt}))
		w.start(app)
		time.Sleep(20 * time.Second)
		w.wants(state.PhaseHolding)
		w.wantRunning()
		if len(w.engine.containers) != 1 {
			t.Error("the container was not created beforehand")
		}
		w.must(w.paths.ClearPause(w.slot))
		w.nudge()
		time.Sleep(time.Second)
		w.wants(state.PhaseHealthy)
		w.wantRunning("myapp-blue-1")
		w.stop()
	})
}

// Nothing but its being frozen keeps a native app from its requests: as long as
// Docker does not manage that the app is not at rest, and it must not stay
// frozen behind a pause that is over.
func TestPauseThatDockerDoesNotCarryOut(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.engine.behaviour["image-1"] = behaviour{healthcheck: func() int { return 0 }}
		w.inMode(1, run.Native)
		w.healthy(app)
		can := func(yes bool) {
			w.engine.mu.Lock()
			w.engine.cannotPause = !yes
			w.engine.mu.Unlock()
		}
		can(false)
		w.pause(state.PauseAsked, "", time.Hour)
		w.nudge()
		if st := w.wants(state.PhaseHealthy); st.Message == "" {
			t.Error("nothing is said about Docker")
		}
		can(true)
		time.Sleep(time.Second)
		w.wants(state.PhaseHolding)
		if s := w.engine.status("myapp-blue-1"); s != "paused" {
			t.Errorf("container is %q", s)
		}
		can(false)
		w.must(w.paths.ClearPause(w.slot))
		w.nudge()
		time.Sleep(5 * time.Second)
		can(true)
		time.Sleep(2 * time.Second)
		w.wants(state.PhaseHealthy)
		if s := w.engine.status("myapp-blue-1"); s != "running" {
			t.Errorf("container is %q", s)
		}
		w.stop()
	})
}

// What was taken in before the listener paused gets through to the app: what waits
// in this process would be lost with it.
func TestPauseLeavesNothingInTheProcess(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.healthy(app)
		through := false
		w.listener.onPause = func() { through = w.open() }
		w.pause(state.PauseAsked, "", time.Minute)
		w.nudge()
		if !through || w.open() {
			t.Errorf("the gate is open when the listener pauses: %v, after that: %v", through, w.open())
		}
		w.stop()
	})
}
