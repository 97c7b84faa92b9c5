package serve

import (
	"testing"
	"time"

	"edgeman/deployer/fake"
	"edgeman/deployer/serve/run"
	"edgeman/deployer/state"
	"edgeman/sockets"
)

// relaying has the other slot live, with a release that accepts by itself,
// while this one is asked to hold its requests.
func (w *world) relaying(app *fake.EchoApp) (other sockets.Slot, lock *state.Lock) {
	w.t.Helper()
	other = w.slot.Other()
	w.inMode(1, run.Native)
	w.live(other)
	w.must(w.paths.FillSlot(other, 1))
	w.says(other, state.PhaseHealthy, 1)
	lock, err := w.paths.TakeLock(w.t.Context(), "myapp", "swap", 0)
	w.must(err)
	w.must(lock.Candidate(w.slot))
	w.pause(state.PauseStandIn, "", time.Minute)
	w.must(w.paths.FillSlot(w.slot, 1))
	w.start(app)
	time.Sleep(time.Second)
	w.wants(state.PhaseHolding)
	return other, lock
}

// says is the other slot's status.
func (w *world) says(slot sockets.Slot, phase string, release int) {
	w.t.Helper()
	w.must(w.paths.WriteSlotStatus(slot, state.SlotStatus{Phase: phase, Release: release}))
}

func (w *world) wantLive(want sockets.Slot) {
	w.t.Helper()
	got, _, err := sockets.ReadLive(w.paths.Live("myapp"))
	w.must(err)
	if got != want {
		w.t.Errorf("%s is live, want %s", got, want)
	}
}

func TestRelaySlotGivesBack(t *testing.T) {
	tests := []struct {
		name string
		end  func(w *world, other sockets.Slot)
	}{
		{"replaced", func(w *world, other sockets.Slot) {
			w.must(w.paths.Promote(w.t.Context(), other, 2))
			w.says(other, state.PhaseHealthy, 2)
		}},
		{"gone back", func(w *world, other sockets.Slot) {
			w.must(w.paths.DropNext(other))
			w.says(other, state.PhaseHealthy, 1)
		}},
		{"never well again", func(w *world, other sockets.Slot) {
			w.must(w.paths.DropNext(other))
			w.says(other, state.PhaseWaiting, 1)
			time.Sleep(40 * time.Second)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
				other, lock := w.relaying(app)
				w.must(w.paths.SetNext(other, 2))
				w.live(w.slot)
				w.says(other, state.PhaseHolding, 1)
				lock.Unlock() // the services need no command
				time.Sleep(20 * time.Second)
				w.wantLive(w.slot)
				w.wants(state.PhaseHolding)
				w.wantRunning()
				w.setCount(0, 3)
				tt.end(w, other)
				time.Sleep(time.Second)
				w.wantLive(other)
				time.Sleep(10 * time.Second)
				w.goesOn() // what waited has not gone through yet
				w.setCount(0, 0)
				w.ends(time.Second, exitEmptied)
				if p, _, _ := w.paths.ReadPause(w.slot); !p.Until.IsZero() {
					t.Error("the pause is still there")
				}
			})
		})
	}
}

// A slot that was emptied while the other stood in for it will not come back.
func TestRelaySlotTakesOver(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.engine.behaviour["image-1"] = behaviour{healthcheck: func() int { return 0 }}
		other, lock := w.relaying(app)
		w.must(w.paths.SetNext(other, 2))
		w.live(w.slot)
		lock.Unlock()
		w.must(w.paths.EmptySlot(other))
		time.Sleep(5 * time.Second)
		w.wants(state.PhaseHealthy)
		w.wantRunning("myapp-blue-1")
		w.stop()
	})
}

// The slot at work waits for the kernel's count, takes nobody's word for being
// retired, and goes back by itself.
func TestStopFirstBehindARelaySlot(t *testing.T) {
	tests := []struct {
		name   string
		health int
		cut    int
		want   int
	}{
		{"well", 0, 0, 2},
		{"sick", 1, 0, 1},
		{"cut at the deadline", 0, 2, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
				well := behaviour{healthcheck: func() int { return 0 }}
				w.engine.behaviour["image-1"], w.engine.behaviour["image-2"] = well, behaviour{healthcheck: func() int { return tt.health }}
				w.inMode(1, run.Native)
				w.inMode(2, run.Native)
				w.healthy(app)
				lock, err := w.paths.TakeLock(t.Context(), "myapp", "swap", 0)
				w.must(err)
				other := w.slot.Other()
				w.must(w.paths.FillSlot(other, 1))
				w.must(w.paths.SetPause(other, state.Pause{Until: time.Now().Add(time.Hour), Reason: state.PauseStandIn}))
				w.setCount(2, 0)
				w.must(w.paths.SetDrain(w.slot, state.Drain{Deadline: time.Now().Add(10 * time.Second), Start: 5 * time.Second}))
				w.live(other)
				w.next(2)
				time.Sleep(5 * time.Second)
				w.wantRunning("myapp-blue-1")
				if st := w.wants(state.PhaseHolding); st.Message[:1] != "2" {
					t.Errorf("message %q", st.Message)
				}
				w.setCount(tt.cut, 0)
				time.Sleep(20 * time.Second)
				if st := w.wants(state.PhaseHealthy); st.Cut != tt.cut {
					t.Errorf("%d cut, want %d", st.Cut, tt.cut)
				}
				w.wantRelease(tt.want)
				lock.Unlock()
				time.Sleep(20 * time.Second)
				w.goesOn() // it is not retired
				w.setCount(0, 0)
				w.stop()
			})
		})
	}
}

// The command can move the live pointer and ask for the next release while the
// slot's service is just looking: it is live no more when it obeys.
func TestStopFirstAskedForInTheMiddleOfALook(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		well := behaviour{healthcheck: func() int { return 0 }}
		w.engine.behaviour["image-1"], w.engine.behaviour["image-2"] = well, well
		w.inMode(1, run.Native)
		w.inMode(2, run.Native)
		w.healthy(app)
		lock, err := w.paths.TakeLock(t.Context(), "myapp", "swap", 0)
		w.must(err)
		defer lock.Unlock()
		other := w.slot.Other()
		w.must(w.paths.FillSlot(other, 1))
		w.must(w.paths.SetPause(other, state.Pause{Until: time.Now().Add(time.Hour), Reason: state.PauseStandIn}))
		w.setCount(2, 0)
		// What is left of an adoption has the service ask Docker in between.
		w.engine.onInspect = func(id string) {
			if id == "original" {
				w.must(w.paths.SetDrain(w.slot, state.Drain{Deadline: time.Now().Add(time.Minute), Start: 5 * time.Second}))
				w.live(other)
				w.must(w.paths.SetNext(w.slot, 2))
			}
		}
		w.pause(state.PauseAdopt, "original", -time.Second)
		w.nudge()
		time.Sleep(5 * time.Second)
		w.wantRunning("myapp-blue-1") // two connections are inside
		w.setCount(0, 0)
		time.Sleep(5 * time.Second)
		w.wantRelease(2)
		w.stop()
	})
}
