package serve

import (
	"testing"
	"testing/synctest"
	"time"

	"edgeman/deployer/fake"
	"edgeman/deployer/state"
)

// retiring is a slot that was live until this moment.
func (w *world) retiring(app *fake.EchoApp, established int) {
	w.t.Helper()
	w.live(w.slot)
	w.must(w.paths.FillSlot(w.slot, 1))
	w.start(app)
	time.Sleep(time.Second)
	w.setCount(established, 0)
	w.live(w.slot.Other())
	w.nudge()
}

func TestRetiredSlotEndsAtZero(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.retiring(app, 3)
		time.Sleep(5 * time.Second)
		if st := w.wants(state.PhaseDraining); st.Open != 3 || st.Deadline.IsZero() {
			t.Errorf("status %+v", st)
		}
		w.wantRunning("myapp-blue-1")
		w.setCount(0, 1) // one is queued: not yet
		time.Sleep(time.Second)
		w.wants(state.PhaseDraining)
		w.setCount(0, 0)
		w.ends(time.Second, exitEmptied)
		if st := w.wants(state.PhaseEmpty); st.Cut != 0 {
			t.Errorf("cut %d", st.Cut)
		}
		if _, filled, _ := w.paths.SlotRelease(w.slot); filled {
			t.Error("the slot is still filled")
		}
		if len(w.engine.containers) != 0 {
			t.Errorf("containers left: %v", w.engine.containers)
		}
		if len(w.stopped) != 1 {
			t.Errorf("stopped %v", w.stopped)
		}
	})
}

func TestZeroMustLast(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.retiring(app, 1)
		for range 20 {
			w.setCount(0, 0)
			time.Sleep(90 * time.Millisecond)
			w.setCount(1, 0)
			time.Sleep(150 * time.Millisecond)
		}
		w.goesOn()
		w.stop()
	})
}

func TestRetiredSlotIsCutAtItsDeadline(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.retiring(app, 2)
		time.Sleep(29 * time.Second)
		w.goesOn()
		w.ends(2*time.Second, exitEmptied) // 30 s, from the app file
		if st := w.wants(state.PhaseEmpty); st.Cut != 2 {
			t.Errorf("cut %d, want 2", st.Cut)
		}
	})
}

func TestStatedTermsCount(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.must(w.paths.SetDrain(w.slot, state.Drain{Deadline: time.Now().Add(6 * time.Second)}))
		w.retiring(app, 2)
		time.Sleep(4 * time.Second)
		w.goesOn()
		w.ends(2*time.Second, exitEmptied)
		if _, ok, _ := w.paths.ReadDrain(w.slot); ok {
			t.Error("the terms are still there")
		}
	})
}

func TestCutNow(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.retiring(app, 2)
		time.Sleep(time.Second)
		w.must(w.paths.SetDrain(w.slot, state.Drain{Deadline: time.Now()}))
		w.nudge()
		w.ends(time.Second, exitEmptied)
	})
}

func TestWarmSlotStays(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		warm := time.Now().Add(time.Minute)
		w.must(w.paths.SetDrain(w.slot, state.Drain{WarmUntil: warm, Deadline: warm.Add(10 * time.Second)}))
		w.retiring(app, 0)
		time.Sleep(50 * time.Second)
		w.wants(state.PhaseWarm)
		w.ends(15*time.Second, exitEmptied)
		if time.Now().Before(warm) {
			t.Error("ended before its time")
		}
	})
}

func TestLiveAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.must(w.paths.SetDrain(w.slot, state.Drain{Deadline: time.Now().Add(10 * time.Second)}))
		w.retiring(app, 1)
		time.Sleep(3 * time.Second)
		w.live(w.slot)
		w.nudge()
		w.setCount(0, 0)
		time.Sleep(time.Minute)
		w.wants(state.PhaseHealthy)
		if _, ok, _ := w.paths.ReadDrain(w.slot); ok {
			t.Error("terms of a retirement that did not happen are still there")
		}
		w.goesOn()
		w.stop()
	})
}

// A command that makes the old slot its candidate must not be told that all is
// well with it because it was once.
func TestRetiredSlotSaysHowItsContainerIs(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.retiring(app, 1)
		if st := w.wants(state.PhaseDraining); !st.Healthy {
			t.Errorf("status %+v", st)
		}
		w.engine.mu.Lock()
		w.engine.containers["myapp-blue-1"].cannotStart = true
		w.engine.mu.Unlock()
		w.engine.kill("myapp-blue-1", nil, 137)
		time.Sleep(time.Second)
		if st := w.wants(state.PhaseDraining); st.Healthy {
			t.Errorf("status %+v", st)
		}
		lock, err := w.paths.TakeLock(t.Context(), "myapp", "rollback", 0)
		w.must(err)
		defer lock.Unlock()
		w.must(lock.Candidate(w.slot))
		w.nudge()
		if st := w.wants(state.PhaseFailed); st.Healthy {
			t.Errorf("status %+v", st)
		}
		w.engine.mu.Lock()
		w.engine.containers["myapp-blue-1"].cannotStart = false
		w.engine.mu.Unlock()
		time.Sleep(15 * time.Second)
		if st := w.wants(state.PhaseHealthy); !st.Healthy {
			t.Errorf("status %+v", st)
		}
		w.stop()
	})
}

// A rollback between the last count and the state lock wins.
func TestLiveAgainInTheLastMoment(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.retiring(app, 1)
		release := make(chan struct{})
		held := make(chan struct{})
		go func() {
			_ = w.paths.WithState(t.Context(), "myapp", func() error {
				close(held)
				<-release
				w.live(w.slot)
				return nil
			})
		}()
		<-held
		w.setCount(0, 0)
		time.Sleep(2 * time.Second) // it waits for the lock now
		close(release)
		time.Sleep(time.Second)
		w.goesOn()
		w.wantRunning("myapp-blue-1")
		w.stop()
	})
}

func TestCandidateOutlivesItsCommandByFiveSeconds(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		lock := w.candidate(2)
		w.start(app)
		time.Sleep(time.Minute)
		w.wants(state.PhaseHealthy)
		lock.Unlock() // its command was killed
		time.Sleep(4 * time.Second)
		w.goesOn()
		w.ends(3*time.Second, exitEmptied)
		w.wantRunning()
	})
}

func TestCandidateThatIsGivenUpEndsAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		defer w.candidate(2).Unlock()
		w.start(app)
		time.Sleep(time.Second)
		w.must(w.paths.EmptySlot(w.slot))
		w.nudge()
		w.ends(time.Second, exitEmptied)
		w.wantRunning()
	})
}

func TestSlotThatIsFilledAgainWhileItEndsIsStartedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.engine.behaviour["image-1"] = behaviour{stopTakes: 5 * time.Second}
		w.retiring(app, 0)
		time.Sleep(2 * time.Second)
		w.goesOn()
		w.must(w.paths.FillSlot(w.slot, 3))
		w.ends(5*time.Second, exitBroken)
		if len(w.stopped) != 0 {
			t.Errorf("stopped %v", w.stopped)
		}
	})
}

func TestEndWaitsForDocker(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.retiring(app, 1)
		w.engine.mu.Lock()
		w.engine.away = true
		w.engine.mu.Unlock()
		w.setCount(0, 0)
		time.Sleep(12 * time.Second)
		w.goesOn()
		w.engine.mu.Lock()
		w.engine.away = false
		w.engine.mu.Unlock()
		w.ends(6*time.Second, exitEmptied)
		w.wantRunning()
		synctest.Wait()
	})
}

// What may still run is looked after: systemd starts the service again.
func TestEndWithoutDockerIsNotTheEnd(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.retiring(app, 1)
		w.away(true)
		w.setCount(0, 0)
		w.ends(3*time.Minute, exitBroken)
		if len(w.stopped) != 0 {
			t.Errorf("stopped %v", w.stopped)
		}
		w.start(app)
		time.Sleep(time.Minute)
		w.wants(state.PhaseFailed)
		w.goesOn()
		w.away(false)
		w.ends(6*time.Second, exitEmptied)
		w.wantRunning()
		w.wants(state.PhaseEmpty)
	})
}

// A service that is told to stop while it clears its slot has stopped, not
// failed: no unit is left in the list of failed ones.
func TestStopOfAnEmptySlotIsNoFailure(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.away(true)
		w.start(app)
		w.goesOn()
		w.cancel()
		w.ends(time.Minute, exitStopped)
	})
}

// What waits for an app that does not come up goes to the release that replaced
// it, and to nobody else while the app serves.
func TestRetiredSlotPassesOnWhatWaits(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.engine.behaviour["image-1"] = behaviour{diesAfter: time.Millisecond, deaf: true}
		w.retiring(app, 1)
		w.wants(state.PhaseDraining)
		if !w.open() || w.leadsTo() == w.k.group.Pool {
			t.Error("requests wait for an app that is gone")
		}
		w.live(w.slot)
		w.nudge()
		if w.open() {
			t.Error("requests of a live slot go elsewhere")
		}
		w.stop()
	})
}

// An app that finishes its requests after the stop signal has lost nothing of
// them; what it leaves open is cut.
func TestAnsweredWhileTheContainerStopsIsNotCut(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.engine.behaviour["image-1"] = behaviour{stopTakes: 6 * time.Second}
		all := w.serving(app, state.Drain{Deadline: after(2)}, aRequest, aRequest, aRequest, aWebsocket)
		w.live(w.slot.Other())
		w.nudge()
		time.Sleep(3 * time.Second)
		if st := w.wants(state.PhaseDraining); st.Cut != 4 || st.Message != "stopping the container, 4 connections (1 websocket, 3 requests in progress) left" {
			t.Errorf("status %+v", st)
		}
		for _, c := range all[:2] {
			step(c, "< HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
		w.leaves(all[0]) // the other one is kept alive
		w.ends(10*time.Second, exitEmptied)
		want := state.Kinds{Websockets: 1, Requests: 1}
		if st := w.wants(state.PhaseEmpty); st.Cut != 2 || st.CutKinds != want {
			t.Errorf("status %+v", st)
		}
		events, err := w.paths.History("myapp")
		if err != nil || len(events) != 1 || events[0].Cut != 2 || events[0].CutKinds != want {
			t.Errorf("history %+v, %v", events, err)
		}
	})
}

// Whoever waits for the slot's end is told how long its container may take.
func TestStoppingSaysByWhen(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.engine.behaviour["image-1"] = behaviour{stopTakes: 170 * time.Second}
		w.retiring(app, 0)
		w.engine.mu.Lock()
		w.engine.containers["myapp-blue-1"].StopTimeout = 180 * time.Second
		w.engine.mu.Unlock()
		time.Sleep(20 * time.Second)
		want := time.Now().Add(160 * time.Second)
		if st := w.wants(state.PhaseDraining); st.StopsBy.Before(want) || st.StopsBy.After(want.Add(time.Minute)) {
			t.Errorf("the container may take until %s, want %s", st.StopsBy, want)
		}
		w.ends(3*time.Minute, exitEmptied)
	})
}

// What is open in a slot that never was live is edgeman's own probe.
func TestCandidateHasNothingToCut(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		lock := w.candidate(2)
		w.start(app)
		time.Sleep(time.Second)
		w.setCount(1, 0)
		lock.Unlock() // its command was killed
		w.must(w.paths.SetDrain(w.slot, state.Drain{Deadline: after(8)}))
		w.ends(10*time.Second, exitEmptied)
		if st := w.wants(state.PhaseEmpty); st.Cut != 0 {
			t.Errorf("cut %d", st.Cut)
		}
		if events, err := w.paths.History("myapp"); err != nil || len(events) != 0 {
			t.Errorf("history %+v, %v", events, err)
		}
	})
}
