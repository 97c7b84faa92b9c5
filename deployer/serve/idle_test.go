package serve

import (
	"testing"
	"time"

	"edgeman/deployer/fake"
	"edgeman/deployer/serve/run"
	"edgeman/deployer/state"
	"edgeman/sockets"
)

// idling is a live slot of an app that stops after a minute without use.
func (w *world) idling(app *fake.EchoApp, mode string) {
	w.t.Helper()
	settings, err := w.paths.ReadApp("myapp")
	w.must(err)
	settings.Idle = state.Duration(time.Minute)
	w.must(w.paths.WriteApp(settings))
	if mode == run.Native {
		w.engine.behaviour["image-1"] = behaviour{healthcheck: func() int { return 0 }}
		w.inMode(1, mode)
	}
	w.healthy(app)
}

func TestIdle(t *testing.T) {
	for _, mode := range []string{"proxy", run.Native} {
		t.Run(mode, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
				w.idling(app, mode)
				w.setCount(1, 0) // a websocket
				time.Sleep(10 * time.Minute)
				w.wantRunning("myapp-blue-1")
				w.setCount(0, 0)
				time.Sleep(50 * time.Second)
				w.passesBy(mode)
				time.Sleep(50 * time.Second)
				w.wantRunning("myapp-blue-1")
				time.Sleep(time.Minute)
				w.wantRunning()
				if st := w.wants(state.PhaseIdle); st.Message == "" || st.Healthy {
					t.Errorf("status %+v", st)
				}
				time.Sleep(time.Hour)
				w.listener.queue(2)
				time.Sleep(5 * time.Second)
				w.listener.queue(0)
				w.wants(state.PhaseHealthy)
				w.wantRunning("myapp-blue-1")
				if mode != run.Native && !w.open() {
					t.Error("requests wait")
				}
				time.Sleep(2 * time.Minute)
				w.wants(state.PhaseIdle)
				w.stop()
			})
		})
	}
}

// passesBy is a connection that comes and goes between two looks.
func (w *world) passesBy(mode string) {
	if mode == run.Native {
		w.mu.Lock()
		w.touched = true
		w.mu.Unlock()
		return
	}
	w.passes(1)
	w.k.front.Gate.Leave()
}

// An app that sleeps stays asleep when its service is killed, is started for
// whatever a command wants of it, and has nothing to drain.
func TestIdleAndCommands(t *testing.T) {
	tests := []struct {
		name string
		do   func(w *world, app *fake.EchoApp)
	}{
		{"killed", func(w *world, app *fake.EchoApp) {
			w.crash()
			w.start(app)
			time.Sleep(20 * time.Minute)
			w.wants(state.PhaseIdle)
			w.wantRunning()
			w.listener.queue(1)
			time.Sleep(5 * time.Second)
			w.wants(state.PhaseHealthy)
		}},
		{"killed, and replaced in place at once", func(w *world, app *fake.EchoApp) {
			w.crashAsleep(app, func() {
				lock, err := w.paths.TakeLock(w.t.Context(), "myapp", "swap", 0)
				w.must(err)
				w.t.Cleanup(lock.Unlock)
				w.must(w.paths.SetNext(w.slot, 2))
			})
			time.Sleep(5 * time.Second)
			w.wantRelease(2)
			w.wants(state.PhaseHealthy)
		}},
		{"killed, and used at once", func(w *world, app *fake.EchoApp) {
			w.crashAsleep(app, func() {})
			w.wants(state.PhaseIdle)
			w.wantRunning()
			w.listener.queue(1)
			time.Sleep(time.Second)
			w.wants(state.PhaseHealthy)
		}},
		{"retired and live again", func(w *world, _ *fake.EchoApp) {
			w.must(w.paths.SetDrain(w.slot, state.Drain{WarmUntil: time.Now().Add(time.Hour), Deadline: time.Now().Add(2 * time.Hour)}))
			w.live(w.slot.Other())
			w.nudge()
			w.listener.queue(1) // passed on to the other slot
			time.Sleep(5 * time.Second)
			w.listener.queue(0)
			w.live(w.slot)
			w.nudge()
			w.wants(state.PhaseIdle)
			w.listener.queue(1)
			time.Sleep(time.Second)
			w.wants(state.PhaseHealthy)
		}},
		{"paused", func(w *world, _ *fake.EchoApp) {
			w.pause(state.PauseAsked, "", 20*time.Second)
			w.nudge()
			w.listener.queue(1)
			time.Sleep(5 * time.Second)
			w.wants(state.PhaseHolding)
			w.wantRunning()
			time.Sleep(30 * time.Second)
			w.wants(state.PhaseHealthy)
			w.wantRunning("myapp-blue-1")
		}},
		{"replaced in place", func(w *world, _ *fake.EchoApp) {
			lock, err := w.paths.TakeLock(w.t.Context(), "myapp", "swap", 0)
			w.must(err)
			defer lock.Unlock()
			w.next(2)
			time.Sleep(5 * time.Second)
			w.wantRelease(2)
			w.wants(state.PhaseHealthy)
			w.wantRunning("myapp-blue-2")
			if !w.open() || w.listener.isPaused() {
				w.t.Error("requests wait")
			}
		}},
		{"retired", func(w *world, _ *fake.EchoApp) {
			w.setCount(0, 1) // came just before the switch: passed on
			w.live(sockets.Slot{App: "myapp", Color: sockets.Green})
			w.nudge()
			time.Sleep(5 * time.Second)
			w.goesOn()
			w.setCount(0, 0)
			w.ends(5*time.Second, exitEmptied)
			w.wantRunning()
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
				w.idling(app, "proxy")
				time.Sleep(2 * time.Minute)
				w.wants(state.PhaseIdle)
				tt.do(w, app)
				if tt.name != "retired" {
					w.stop()
				}
			})
		})
	}
}

// crashAsleep kills the service of a sleeping app and starts it again after then.
func (w *world) crashAsleep(app *fake.EchoApp, then func()) {
	w.t.Helper()
	before := w.status()
	w.crash()
	// The crash in this world writes a last word, which a real one does not.
	w.must(w.paths.WriteSlotStatus(w.slot, before))
	then()
	w.start(app)
}

// A start that fails is tried again and again, and never counts as rest.
func TestIdleStartFails(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.idling(app, "proxy")
		time.Sleep(2 * time.Minute)
		w.engine.mu.Lock()
		w.engine.containers["myapp-blue-1"].cannotStart = true
		w.engine.mu.Unlock()
		w.listener.queue(1)
		time.Sleep(5 * time.Minute)
		w.listener.queue(0)
		w.wants(state.PhaseFailed)
		w.engine.mu.Lock()
		w.engine.containers["myapp-blue-1"].cannotStart = false
		w.engine.mu.Unlock()
		time.Sleep(20 * time.Second)
		w.wants(state.PhaseHealthy)
		w.stop()
	})
}

// A connection that comes while the app is being stopped keeps it running.
func TestIdleComesTooEarly(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.idling(app, run.Native)
		w.engine.mu.Lock()
		w.engine.onPause = func() { w.setCount(0, 1) }
		w.engine.mu.Unlock()
		time.Sleep(2 * time.Minute)
		w.wantRunning("myapp-blue-1")
		if s := w.engine.status("myapp-blue-1"); s != "running" {
			t.Errorf("container is %q", s)
		}
		w.stop()
	})
}

// An app that cannot be frozen could be at a request when it is stopped.
func TestIdleThatCannotBeFrozen(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.idling(app, run.Native)
		w.engine.mu.Lock()
		w.engine.cannotPause = true
		w.engine.mu.Unlock()
		time.Sleep(5 * time.Minute)
		w.wantRunning("myapp-blue-1")
		w.engine.mu.Lock()
		w.engine.cannotPause = false
		w.engine.mu.Unlock()
		time.Sleep(2 * time.Minute)
		w.wants(state.PhaseIdle)
		w.wantRunning()
		w.stop()
	})
}
