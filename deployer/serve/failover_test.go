package serve

import (
	"errors"
	"slices"
	"testing"
	"time"

	"edgeman/deployer/fake"
	"edgeman/deployer/state"
)

// shutdown is what a process in the container can do to the listener.
func (w *world) shutdown() {
	w.listener.mu.Lock()
	w.listener.dead = true
	w.listener.mu.Unlock()
	w.nudge()
}

func TestDeadListenerMovesTheApp(t *testing.T) {
	for _, strategy := range []string{state.Auto, state.StopFirst} {
		t.Run(strategy, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
				settings, err := w.paths.ReadApp("myapp")
				w.must(err)
				settings.Strategy = strategy
				w.must(w.paths.WriteApp(settings))
				w.healthy(app)
				w.setCount(2, 0)
				w.shutdown()
				time.Sleep(10 * time.Second)
				other := w.slot.Other()
				w.wantLive(other)
				if r, filled, err := w.paths.SlotRelease(other); !filled || r.Number != 1 || err != nil {
					t.Errorf("the other slot: %v, release %d, %v", filled, r.Number, err)
				}
				p, _, err := w.paths.ReadPause(other)
				w.must(err)
				if waits := p.Reason == state.PauseReplace; waits != (strategy == state.StopFirst) {
					t.Errorf("pause of the other slot %+v", p)
				}
				w.wantRunning("myapp-blue-1") // what is inside is finished
				w.setCount(0, 0)
				w.ends(5*time.Second, exitEmptied)
				if !slices.Equal(w.stopped, []string{"alone " + w.slot.SocketUnit()}) {
					t.Errorf("stopped %v", w.stopped)
				}
				if st := w.wants(state.PhaseEmpty); !st.Dead {
					t.Errorf("status %+v", st)
				}
				events, err := w.paths.History("myapp")
				if err != nil || len(events) != 1 || events[0].Operation != "move" {
					t.Errorf("history %+v, %v", events, err)
				}
			})
		})
	}
}

// Where the other slot cannot be had, this one gets a new socket.
func TestDeadListenerStays(t *testing.T) {
	for name, prevent := range map[string]func(w *world){
		"filled":          func(w *world) { w.must(w.paths.FillSlot(w.slot.Other(), 2)) },
		"units fail":      func(w *world) { w.cannotOpen = errors.New("no such unit") },
		"command at work": func(w *world) { _, err := w.paths.TakeLock(w.t.Context(), "myapp", "swap", 0); w.must(err) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
				w.healthy(app)
				prevent(w)
				w.shutdown()
				time.Sleep(5 * time.Second)
				w.wantLive(w.slot)
				w.mu.Lock()
				defer w.mu.Unlock()
				if !slices.Contains(w.restarted, w.slot.SocketUnit()) {
					t.Errorf("restarted %v", w.restarted)
				}
				w.wants(state.PhaseFailed)
				w.stop()
			})
		})
	}
}
