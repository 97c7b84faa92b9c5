package serve

import (
	"strings"
	"testing"
	"time"

	"edgeman/deployer/fake"
	"edgeman/deployer/state"
)

const holder = first + "-rest"

func (w *world) holds() bool {
	w.engine.mu.Lock()
	defer w.engine.mu.Unlock()
	c := w.engine.containers[holder]
	return c != nil && c.Running
}

// What cleaners take from a stopped container is held while an app rests, and let
// go when it is up again.
func TestRestingAppHoldsWhatItNeeds(t *testing.T) {
	tests := map[string]func(w *world){
		"nothing happens": func(*world) {},
		"its container is pruned": func(w *world) {
			w.must(w.engine.Remove(w.t.Context(), first))
		},
		"the holder is stopped": func(w *world) {
			w.must(w.engine.Stop(w.t.Context(), holder))
			time.Sleep(2 * lookIdle)
		},
		"the holder is removed": func(w *world) {
			w.must(w.engine.Stop(w.t.Context(), holder))
			w.must(w.engine.Remove(w.t.Context(), holder))
			time.Sleep(2 * lookIdle)
		},
		"the service is killed": func(w *world) {
			w.crashAsleep(w.app, func() {})
		},
	}
	for name, do := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
				w.app = app
				w.engine.behaviour["image-1"] = behaviour{volume: true}
				w.idling(app, "proxy")
				time.Sleep(2 * time.Minute)
				w.wants(state.PhaseIdle)
				do(w)
				w.wantRunning()
				if !w.holds() {
					t.Error("nothing is held")
				}
				w.listener.queue(1)
				time.Sleep(5 * time.Second)
				w.listener.queue(0)
				w.wants(state.PhaseHealthy)
				w.wantRunning(first)
				if w.holds() {
					t.Error("still held")
				}
				made := string(w.engine.specs[first].Settings)
				if again := name == "its container is pruned"; again != strings.Contains(made, anonymous(first)) {
					t.Errorf("its volume: %s", made)
				}
				w.stop()
			})
		})
	}
}

// An app whose needs cannot be held goes on running.
func TestAppThatCannotBeHeldGoesOn(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.engine.cannotHold = true
		w.idling(app, "proxy")
		time.Sleep(10 * time.Minute)
		w.wants(state.PhaseHealthy)
		w.wantRunning(first)
		if !w.open() {
			t.Error("requests wait")
		}
		w.stop()
	})
}

// An idle time that is set before a release is put in the place of another counts
// from then on.
func TestIdleTimeIsTakenInPlace(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.healthy(app)
		settings, err := w.paths.ReadApp("myapp")
		w.must(err)
		settings.Idle = state.Duration(time.Minute)
		w.must(w.paths.WriteApp(settings))
		lock, err := w.paths.TakeLock(t.Context(), "myapp", "swap", 0)
		w.must(err)
		w.next(2)
		time.Sleep(5 * time.Second)
		lock.Unlock()
		w.wantRelease(2)
		time.Sleep(2 * time.Minute)
		w.wants(state.PhaseIdle)
		w.stop()
	})
}
