package serve

import (
	"testing"
	"time"

	"edgeman/deployer/state"
)

// What waits while an app is given back goes to the container that it is given
// back to, once that runs, and to the slot's own if the release is given up.
func TestHandOver(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *echoApp) {
		w.healthy(app)
		w.pause(state.PauseRelease, "", time.Minute)
		w.nudge()
		time.Sleep(2 * time.Second)
		if st := w.wants(state.PhaseHolding); !st.Stopped || w.open() {
			t.Fatalf("not at rest: %+v", st)
		}
		original := w.other()
		handOver := state.Pause{Until: time.Now().Add(time.Minute), Reason: state.PauseRelease, Container: original, Forward: true}
		w.must(w.paths.SetPause(w.slot, handOver))
		w.nudge()
		time.Sleep(time.Second)
		if !w.open() || w.listener.isPaused() {
			t.Error("requests wait, and the original runs")
		}
		w.wantRunning(original)

		handOver.Forward = false
		w.must(w.paths.SetPause(w.slot, handOver))
		w.nudge()
		time.Sleep(time.Second)
		if w.open() || !w.listener.isPaused() {
			t.Error("requests still go to the original")
		}
		w.stop()
	})
}
