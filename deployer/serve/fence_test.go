package serve

import (
	"strings"
	"testing"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/fake"
	"edgeman/deployer/state"
	"edgeman/sockets"
)

// other runs a container that is none of the slot's.
func (w *world) other() string { return w.otherCalled("original") }

func (w *world) otherCalled(name string) string {
	w.t.Helper()
	id, err := w.engine.Create(w.t.Context(), docker.Spec{Name: name})
	w.must(err)
	w.must(w.engine.Start(w.t.Context(), id))
	return id
}

// healthy is a slot that is live and well.
func (w *world) healthy(app *fake.EchoApp) {
	w.t.Helper()
	w.live(w.slot)
	w.must(w.paths.FillSlot(w.slot, 1))
	w.start(app)
	time.Sleep(5 * time.Second)
	w.wants(state.PhaseHealthy)
}

func (w *world) pause(reason, container string, d time.Duration) {
	w.t.Helper()
	w.must(w.paths.SetPause(w.slot, state.Pause{Until: time.Now().Add(d), Reason: reason, Container: container}))
}

func (w *world) away(v bool) {
	w.engine.mu.Lock()
	defer w.engine.mu.Unlock()
	w.engine.away = v
}

func TestTwoContainersNeverRunTogether(t *testing.T) {
	for _, how := range []string{"the other stops", "the file is cleared", "the other is removed"} {
		t.Run(how, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
				original := w.other()
				w.live(w.slot)
				w.must(w.paths.FillSlot(w.slot, 1))
				w.pause(state.PauseAdopt, original, 5*time.Second)
				w.start(app)
				time.Sleep(20 * time.Second)
				if st := w.wants(state.PhaseHolding); !strings.Contains(st.Message, "edgeman repair myapp") || !strings.Contains(st.Message, "original") {
					t.Errorf("message %q", st.Message)
				}
				w.away(true) // not knowing is no reason to start
				time.Sleep(5 * time.Second)
				w.wants(state.PhaseHolding)
				w.away(false)
				time.Sleep(2 * time.Second)
				w.wantRunning("original")
				if p, _, _ := w.paths.ReadPause(w.slot); p.Container != original {
					t.Error("the pause is gone")
				}
				switch how {
				case "the file is cleared":
					w.must(w.paths.ClearPause(w.slot))
				case "the other is removed":
					w.must(w.engine.Stop(t.Context(), original))
					w.must(w.engine.Remove(t.Context(), original))
				default:
					w.must(w.engine.Stop(t.Context(), original))
				}
				time.Sleep(3 * time.Second)
				w.wants(state.PhaseHealthy)
				w.wantsNoPause()
				w.stop()
			})
		})
	}
}

func TestReleaseStopsTheContainer(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.healthy(app)
		w.passes(1)
		w.pause(state.PauseUnadopt, "original", time.Minute)
		w.nudge()
		time.Sleep(5 * time.Second)
		if st := w.wants(state.PhaseHealthy); st.Stopped || st.Open != 1 {
			t.Errorf("status %+v", st)
		}
		if w.open() || !w.listener.isPaused() {
			t.Error("requests still come in")
		}
		w.wantRunning("myapp-blue-1")
		w.k.front.Gate.Leave()
		time.Sleep(time.Second)
		if st := w.wants(state.PhaseHolding); !st.Stopped || st.Cut != 0 {
			t.Errorf("status %+v", st)
		}
		w.wantRunning()
		w.crash()
		w.start(app)
		time.Sleep(5 * time.Second)
		if st := w.wants(state.PhaseHolding); !st.Stopped {
			t.Errorf("after a kill: %+v", st)
		}
		w.wantRunning()
		if len(w.engine.containers) != 1 {
			t.Error("the container was removed")
		}
		w.must(w.paths.ClearPause(w.slot)) // the release was given up
		w.nudge()
		time.Sleep(time.Second)
		if st := w.wants(state.PhaseHealthy); st.Stopped {
			t.Errorf("status %+v", st)
		}
		if !w.open() || w.listener.isPaused() {
			t.Error("requests wait")
		}
		w.stop()
	})
}

func TestReleaseCutsAtTheDrainDeadline(t *testing.T) {
	for _, stated := range []bool{true, false} {
		inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
			w.healthy(app)
			w.passes(2)
			limit := 30 * time.Second // of the app file
			if stated {
				limit = 8 * time.Second
				w.must(w.paths.SetDrain(w.slot, state.Drain{Deadline: time.Now().Add(limit)}))
			}
			w.pause(state.PauseUnadopt, "original", time.Minute)
			w.nudge()
			time.Sleep(limit - time.Second)
			w.wantRunning("myapp-blue-1")
			time.Sleep(2 * time.Second)
			if st := w.wants(state.PhaseHolding); !st.Stopped || st.Cut != 2 {
				t.Errorf("status %+v", st)
			}
			w.stop()
		})
	}
}

func TestReleaseThatExpires(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.healthy(app)
		original := w.other()
		w.pause(state.PauseUnadopt, original, 5*time.Second)
		w.nudge()
		time.Sleep(20 * time.Second)
		if st := w.wants(state.PhaseHolding); !st.Stopped {
			t.Errorf("status %+v", st)
		}
		w.wantRunning("original")
		w.must(w.engine.Stop(t.Context(), original))
		time.Sleep(3 * time.Second)
		w.wants(state.PhaseHealthy)
		w.wantRunning("myapp-blue-1")
		w.stop()
	})
}

// What a killed swap asked for must not start beside the original.
func TestReleaseComesBeforeStopFirst(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.healthy(app)
		lock, err := w.paths.TakeLock(t.Context(), "myapp", "unadopt", 0)
		w.must(err)
		defer lock.Unlock()
		w.pause(state.PauseUnadopt, "original", time.Minute)
		w.must(w.paths.SetNext(w.slot, 2))
		w.nudge()
		time.Sleep(20 * time.Second)
		if st := w.wants(state.PhaseHolding); !st.Stopped {
			t.Errorf("status %+v", st)
		}
		w.wantRunning()
		w.stop()
	})
}

func TestNativeRelease(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.native(&takesOne{make(chan sockets.Peer, 2), make(chan struct{})})
		w.start(app)
		time.Sleep(5 * time.Second)
		w.pause(state.PauseAsked, "", time.Minute)
		w.nudge()
		time.Sleep(time.Second)
		w.pause(state.PauseUnadopt, "original", time.Minute)
		w.nudge()
		time.Sleep(time.Second)
		if st := w.wants(state.PhaseHolding); !st.Stopped {
			t.Errorf("status %+v", st)
		}
		w.wantRunning()
		if s := w.engine.status("myapp-blue-4"); s != "running" {
			t.Errorf("stopped while it was %q: it cannot have got the signal", s)
		}
		w.handoff = nil
		w.stop()
	})
}

// A power cut in the middle of a command.
func TestRetiredSlotDoesNotStartItsContainer(t *testing.T) {
	other := sockets.Slot{App: "myapp", Color: sockets.Green}
	tests := []struct {
		name  string
		setup func(w *world)
	}{
		{"swap", func(w *world) { w.live(other) }},
		{"swap, its container is there", func(w *world) {
			w.live(other)
			_, err := w.engine.Create(w.t.Context(), specOf(w.slot, 2))
			w.must(err)
		}},
		{"connections in its queue", func(w *world) { w.live(other); w.setCount(0, 2) }},
		{"adoption", func(w *world) { w.pause(state.PauseAdopt, "original", time.Minute) }},
		{"adoption, past its deadline", func(w *world) { w.pause(state.PauseAdopt, "original", -time.Minute) }},
		{"Docker comes later", func(w *world) {
			w.live(other)
			w.setCount(0, 1)
			w.away(true)
			time.AfterFunc(5*time.Second, func() { w.away(false) })
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
				w.must(w.paths.FillSlot(w.slot, 2))
				tt.setup(w)
				w.start(app)
				w.ends(10*time.Second, exitEmptied)
				for _, did := range w.engine.log {
					if strings.HasPrefix(did, "start") {
						t.Errorf("did %q", did)
					}
				}
				if _, filled, _ := w.paths.SlotRelease(w.slot); filled || len(w.engine.containers) != 0 {
					t.Errorf("filled %v, containers %v", filled, w.engine.containers)
				}
			})
		})
	}
}

func TestRetiredSlotGoesOnWithWhatRuns(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.retiring(app, 1)
		time.Sleep(time.Second)
		w.crash()
		w.start(app)
		time.Sleep(5 * time.Second)
		w.wants(state.PhaseDraining)
		w.wantRunning("myapp-blue-1")
		w.setCount(0, 0)
		w.ends(time.Second, exitEmptied)
		w.wantRunning()
	})
}

// A native app that stepped aside for a release drains in the other slot. If the
// command dies, this one's container waits for its end.
func TestGivenUpReleaseWaitsForTheOtherSlot(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		other := w.slot.Other()
		w.live(w.slot)
		w.must(w.paths.FillSlot(other, 1))
		w.must(w.paths.FillSlot(w.slot, 1))
		w.pause(state.PauseUnadopt, "original", 2*time.Second)
		w.start(app)
		time.Sleep(10 * time.Second)
		w.wants(state.PhaseHolding)
		w.wantRunning()
		w.must(w.paths.EmptySlot(other))
		time.Sleep(3 * time.Second)
		w.wants(state.PhaseHealthy)
		w.wantsNoPause()
		w.stop()
	})
}
