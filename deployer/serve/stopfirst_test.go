package serve

import (
	"sync/atomic"
	"testing"
	"time"

	"edgeman/deployer/fake"
	"edgeman/deployer/serve/run"
	"edgeman/deployer/state"
	"edgeman/sockets"
	"edgeman/sockets/relay"
)

// stoppingFirst has release 1 live and asks for release 2 in its place.
func (w *world) stoppingFirst(app *fake.EchoApp) *state.Lock {
	w.t.Helper()
	w.live(w.slot)
	w.must(w.paths.FillSlot(w.slot, 1))
	w.start(app)
	time.Sleep(time.Second)
	lock, err := w.paths.TakeLock(w.t.Context(), "myapp", "swap", 0)
	w.must(err)
	w.next(2)
	return lock
}

// next asks for a release in the place of the one that runs.
func (w *world) next(number int) {
	w.t.Helper()
	w.must(w.paths.SetNext(w.slot, number))
	trigger(w.k.changes)
}

func (w *world) wantRelease(number int) {
	w.t.Helper()
	r, _, err := w.paths.SlotRelease(w.slot)
	w.must(err)
	if r.Number != number {
		w.t.Errorf("the slot runs release %d, want %d", r.Number, number)
	}
	if _, pending, _ := w.paths.NextRelease(w.slot); pending {
		w.t.Error("a next release is still asked for")
	}
}

func TestStopFirst(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		lock := w.stoppingFirst(app)
		defer lock.Unlock()
		asked := time.Now()
		time.Sleep(2 * time.Second)
		if st := w.wants(state.PhaseHealthy); st.Release != 2 || !st.Since.After(asked.Add(-time.Second)) {
			t.Errorf("status %+v", st)
		}
		w.wantRelease(2)
		w.wantRunning("myapp-blue-2")
		if !w.open() || w.listener.isPaused() {
			t.Error("requests wait")
		}
		// One after the other, and the new one was there before.
		want := []string{"create myapp-blue-1", "start myapp-blue-1", "create myapp-blue-2", "stop myapp-blue-1", "start myapp-blue-2", "remove myapp-blue-1"}
		for i, s := range want {
			if i >= len(w.engine.log) || w.engine.log[i] != s {
				t.Fatalf("did %q, want %q", w.engine.log, want)
			}
		}
		w.stop()
	})
}

// How long the end of the one and the start of the other took is remembered: the
// next wait is judged by it.
func TestStopFirstSaysHowLongItTook(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.engine.behaviour["image-1"] = behaviour{stopTakes: 17 * time.Second}
		var boots atomic.Pointer[time.Time] // not known before the old one begins to stop
		w.engine.behaviour["image-2"] = behaviour{healthcheck: func() int {
			if at := boots.Load(); at == nil || time.Now().Before(*at) {
				return 1
			}
			return 0
		}}
		lock := w.stoppingFirst(app)
		defer lock.Unlock()
		at := time.Now().Add(17*time.Second + 20*time.Second)
		boots.Store(&at)
		time.Sleep(time.Minute)
		if st := w.wants(state.PhaseHealthy); st.Stop < 17 || st.Stop > 18 || st.Boot < 18 || st.Boot > 23 {
			t.Errorf("stop %v, boot %v", st.Stop, st.Boot)
		}
		w.stop()
	})
}

func TestStopFirstGoesBack(t *testing.T) {
	tests := []struct {
		name   string
		mode   string
		app    behaviour
		reason string
	}{
		{"dies", "", behaviour{diesAfter: time.Millisecond, deaf: true}, "ended 3 times, the last time with exit code 3"},
		{"never healthy", "", behaviour{deaf: true}, "not healthy within 20s"},
		{"cannot start", "", behaviour{cannotStart: true}, "exec: no such file"},
		{"no image", "", behaviour{missing: true}, "no such image: not found"},
		{"native", run.Native, behaviour{healthcheck: func() int { return 1 }}, "not healthy within 20s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
				w.engine.behaviour["image-2"] = tt.app
				w.inMode(2, tt.mode)
				lock := w.stoppingFirst(app)
				defer lock.Unlock()
				asked := time.Now()
				time.Sleep(30 * time.Second)
				st := w.wants(state.PhaseHealthy)
				if st.Release != 1 || st.Rejected == nil || st.Rejected.Release != 2 || st.Rejected.Reason != tt.reason {
					t.Errorf("status %+v, rejected %+v", st, st.Rejected)
				}
				if st.Since.Before(asked) {
					t.Error("who waits for the end of it would wait for ever")
				}
				w.wantRelease(1)
				w.wantRunning("myapp-blue-1")
				if !w.open() || w.listener.isPaused() {
					t.Error("requests wait")
				}
				w.stop()
			})
		})
	}
}

// inMode gives a release another mode.
func (w *world) inMode(number int, mode string) {
	w.t.Helper()
	r, err := w.paths.ReadRelease("myapp", number)
	w.must(err)
	r.Mode = mode
	w.must(state.WriteJSON(w.paths.Release("myapp", number), r))
	w.handoff = func(string, []string) (run.Handoff, error) {
		return &takesOne{make(chan sockets.Peer, 1), make(chan struct{})}, nil
	}
}

func TestStopFirstToNativeAndBack(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.engine.behaviour["image-2"] = behaviour{healthcheck: func() int { return 0 }}
		w.inMode(2, run.Native)
		lock := w.stoppingFirst(app)
		defer lock.Unlock()
		time.Sleep(5 * time.Second)
		w.wantRelease(2)
		w.next(3)
		time.Sleep(5 * time.Second)
		w.wantRelease(3)
		if !w.open() || w.listener.isPaused() {
			t.Error("requests wait")
		}
		w.stop()
	})
}

// A native app takes its own connections, and cannot know of those that this
// process had taken in for the release before.
func TestNativeGetsWhatWasParked(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.engine.behaviour["image-1"] = behaviour{deaf: true}
		w.engine.behaviour["image-2"] = behaviour{healthcheck: func() int { return 0 }}
		w.inMode(2, run.Native)
		lock := w.stoppingFirst(app)
		defer lock.Unlock()
		parked := &relay.Watch{}
		if to, err := w.k.front.Gate.Pass(parked); to != nil || err != nil {
			t.Fatal("the gate is open")
		}
		time.Sleep(5 * time.Second)
		w.wantRelease(2)
		if !w.open() {
			t.Error("what was parked waits for ever")
		}
		w.k.front.Gate.Unpark(parked)
		time.Sleep(5 * time.Second)
		if w.open() {
			t.Error("this process takes connections in, too")
		}
		w.stop()
	})
}

// An app that waits in accept must never find the socket non-blocking.
func TestStopFirstToBlockingNative(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.engine.behaviour["image-2"] = behaviour{healthcheck: func() int { return 0 }}
		w.inMode(2, run.Native)
		r, err := w.paths.ReadRelease("myapp", 2)
		w.must(err)
		r.Blocking = true
		w.must(state.WriteJSON(w.paths.Release("myapp", 2), r))
		lock := w.stoppingFirst(app)
		defer lock.Unlock()
		time.Sleep(5 * time.Second)
		w.wantRelease(2)
		w.listener.mu.Lock()
		undone, blocking := w.listener.undone, w.listener.blocking
		w.listener.mu.Unlock()
		if undone != 0 || !blocking {
			t.Errorf("made non-blocking %d times, blocking now: %v", undone, blocking)
		}
		w.stop()
	})
}

func TestStopFirstDrainsFirst(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.live(w.slot)
		w.must(w.paths.FillSlot(w.slot, 1))
		w.start(app)
		time.Sleep(time.Second)
		w.passes(2)
		lock, err := w.paths.TakeLock(t.Context(), "myapp", "swap", 0)
		w.must(err)
		defer lock.Unlock()
		w.must(w.paths.SetDrain(w.slot, state.Drain{Deadline: time.Now().Add(8 * time.Second)}))
		w.must(w.paths.SetNext(w.slot, 2))
		w.nudge()
		time.Sleep(4 * time.Second)
		w.wantRunning("myapp-blue-1")
		if st := w.wants(state.PhaseHolding); st.Open != 2 {
			t.Errorf("status %+v", st)
		}
		w.k.front.Gate.Leave()
		time.Sleep(6 * time.Second)
		if st := w.wants(state.PhaseHealthy); st.Release != 2 || st.Cut != 1 {
			t.Errorf("status %+v", st)
		}
		w.stop()
	})
}

func TestStopFirstWhoseCommandDied(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.live(w.slot)
		w.must(w.paths.FillSlot(w.slot, 1))
		w.start(app)
		time.Sleep(time.Second)
		w.must(w.paths.SetNext(w.slot, 2))
		w.nudge()
		time.Sleep(time.Second)
		w.wantRelease(1)
		w.wantRunning("myapp-blue-1")
		w.stop()
	})
}

func TestStopFirstThatIsWithdrawn(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.engine.behaviour["image-2"] = behaviour{deaf: true}
		lock := w.stoppingFirst(app)
		defer lock.Unlock()
		time.Sleep(5 * time.Second)
		w.wantRunning("myapp-blue-2")
		w.must(w.paths.DropNext(w.slot))
		w.nudge()
		time.Sleep(time.Second)
		if st := w.wants(state.PhaseHealthy); st.Release != 1 || st.Rejected != nil {
			t.Errorf("status %+v", st)
		}
		w.wantRelease(1)
		w.wantRunning("myapp-blue-1")
		w.stop()
	})
}

// The command died, and the next one asks for another release in the moment in
// which the first one becomes healthy.
func TestStopFirstOvertakenByAnother(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		var healthy atomic.Bool
		w.engine.behaviour["image-2"] = behaviour{healthcheck: func() int {
			if healthy.Load() {
				return 0
			}
			return 1
		}}
		lock := w.stoppingFirst(app)
		time.Sleep(5 * time.Second)
		w.wantRunning("myapp-blue-2")
		lock.Unlock()
		lock, err := w.paths.TakeLock(t.Context(), "myapp", "swap", 0)
		w.must(err)
		defer lock.Unlock()
		healthy.Store(true)
		w.must(w.paths.SetNext(w.slot, 3))
		time.Sleep(5 * time.Second)
		w.wantRelease(3)
		w.wantRunning("myapp-blue-3")
		if st := w.wants(state.PhaseHealthy); st.Release != 3 {
			t.Errorf("status %+v", st)
		}
		w.stop()
	})
}

func TestKilledStopFirstBeginsAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.engine.behaviour["image-2"] = behaviour{deaf: true}
		lock := w.stoppingFirst(app)
		defer lock.Unlock()
		time.Sleep(5 * time.Second) // the old one is stopped, the new one not healthy yet
		w.wantRunning("myapp-blue-2")
		w.crash()
		w.engine.behaviour["image-2"] = behaviour{}
		w.start(app)
		time.Sleep(5 * time.Second)
		w.wantRelease(2)
		w.wants(state.PhaseHealthy)
		w.wantRunning("myapp-blue-2")
		w.stop()
	})
}
