package serve

import (
	"strings"
	"testing"
	"time"

	"edgeman/deployer/fake"
	"edgeman/deployer/state"
)

// A paused slot obeys its command while Docker hangs, and takes a container that
// Docker does not tell of for one that runs.
func TestPauseEndsWhileDockerHangs(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.other()
		w.healthy(app)
		w.engine.onInspect = func(id string) {
			if id == "original" {
				time.Sleep(time.Minute)
			}
		}
		w.pause(state.PauseAdopt, "original", -time.Second)
		w.nudge()
		time.Sleep(5 * time.Second)
		if st := w.wants(state.PhaseHolding); !strings.Contains(st.Message, "has not answered yet") {
			t.Errorf("message %q", st.Message)
		}
		w.must(w.paths.ClearPause(w.slot))
		w.nudge()
		time.Sleep(2 * time.Second)
		w.wants(state.PhaseHealthy)
		w.wantsNoPause()

		// The answer counts as soon as it is there.
		w.pause(state.PauseAdopt, "original", -time.Second)
		w.nudge()
		time.Sleep(time.Minute + 2*time.Second)
		if st := w.wants(state.PhaseHolding); !strings.Contains(st.Message, "original still runs") {
			t.Errorf("message %q", st.Message)
		}
		w.stop()
		time.Sleep(time.Minute) // the last question ends
	})
}
