package serve

import (
	"testing"
	"testing/synctest"
	"time"

	"edgeman/deployer/fake"
	"edgeman/deployer/state"
	"edgeman/sockets"
)

// inBubble runs do with a clock of its own. The app that containers stand for
// is outside of it, because a socket is.
func inBubble(t *testing.T, do func(t *testing.T, w *world, app *fake.EchoApp)) {
	t.Helper()
	app := fake.NewEchoApp(t)
	synctest.Test(t, func(t *testing.T) { do(t, newWorld(t), app) })
}

func TestLiveSlotStartsItsContainer(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.live(w.slot)
		w.must(w.paths.FillSlot(w.slot, 1))
		w.start(app)
		time.Sleep(time.Second)
		st := w.wants(state.PhaseHealthy)
		if st.Release != 1 || st.Container != "myapp-blue-1" || st.Image != "myapp:v1" {
			t.Errorf("status %+v", st)
		}
		w.wantRunning("myapp-blue-1")
		w.stop()
		w.wantRunning()
		w.wants(state.PhaseEmpty)
		if _, filled, _ := w.paths.SlotRelease(w.slot); !filled {
			t.Error("a stop emptied the slot")
		}
	})
}

func TestKilledServiceAttachesAndTrustsWhatItKnew(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.live(w.slot)
		w.must(w.paths.FillSlot(w.slot, 1))
		w.start(app)
		time.Sleep(time.Second)
		before := w.status()
		w.crash()
		// The crash in this world writes a last word, which a real one does not.
		w.must(w.paths.WriteSlotStatus(w.slot, before))
		app.Refusing.Store(1 << 20) // it is busy: no probe would succeed now
		w.start(app)
		st := w.wants(state.PhaseHealthy)
		if !st.Started.Equal(before.Started) || st.Exits != 0 {
			t.Errorf("before %+v, after %+v", before, st)
		}
		if !w.open() {
			t.Error("requests wait for an app that was well all the time")
		}
		w.stop()
	})
}

func TestDyingContainerIsStartedAgainWithGrowingPauses(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.engine.behaviour["image-1"] = behaviour{diesAfter: time.Millisecond, deaf: true}
		w.live(w.slot)
		w.must(w.paths.FillSlot(w.slot, 1))
		w.start(app)
		time.Sleep(time.Minute)
		st := w.status()
		// 0.1+0.2+...+6.4 s, then every 10 s, and a moment for the last words.
		if st.Exits < 8 || st.Exits > 13 || st.ExitCode != 3 {
			t.Errorf("status %+v", st)
		}
		w.goesOn()
		w.stop()
	})
}

func TestContainerKilledOnceIsBackAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.live(w.slot)
		w.must(w.paths.FillSlot(w.slot, 1))
		w.start(app)
		time.Sleep(time.Minute)
		w.engine.kill("myapp-blue-1", nil, 137)
		synctest.Wait()
		w.wants(state.PhaseWaiting)
		if w.open() {
			t.Error("the gate is open to a dead container")
		}
		time.Sleep(500 * time.Millisecond)
		if st := w.wants(state.PhaseHealthy); st.Exits != 1 || st.ExitCode != 137 {
			t.Errorf("status %+v", st)
		}
		w.stop()
	})
}

func TestDockerAwayKeepsTrafficFlowing(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.live(w.slot)
		w.must(w.paths.FillSlot(w.slot, 1))
		w.start(app)
		time.Sleep(time.Second)
		before := w.status().Since
		w.engine.mu.Lock()
		w.engine.away = true
		close(w.engine.containers["myapp-blue-1"].exit) // the wait breaks off
		w.engine.containers["myapp-blue-1"].exit = make(chan struct{})
		w.engine.mu.Unlock()
		time.Sleep(20 * time.Second)
		if st := w.wants(state.PhaseHealthy); st.Message == "" || !st.NoDocker {
			t.Error("nothing is said about Docker")
		}
		if !w.open() {
			t.Error("the gate is shut because Docker is away")
		}
		w.engine.mu.Lock()
		w.engine.away = false
		w.engine.mu.Unlock()
		time.Sleep(10 * time.Second)
		if st := w.wants(state.PhaseHealthy); st.Message != "" || st.NoDocker || st.Exits != 0 || !st.Since.Equal(before) {
			t.Errorf("status %+v, healthy since %s before", st, before)
		}
		w.stop()
	})
}

func TestContainerThatCannotStartIsReportedAsFailed(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.engine.behaviour["image-1"] = behaviour{cannotStart: true}
		w.live(w.slot)
		w.must(w.paths.FillSlot(w.slot, 1))
		w.start(app)
		time.Sleep(time.Second)
		if st := w.wants(state.PhaseFailed); st.Failures < 3 || st.Message != "exec: no such file" {
			t.Errorf("status %+v", st)
		}
		w.goesOn()
		w.stop()
	})
}

func TestImageHealthcheckIsRunByUs(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		begun := time.Now()
		w.engine.behaviour["image-1"] = behaviour{deaf: true, healthcheck: func() int {
			if time.Since(begun) < 3*time.Second {
				return 1
			}
			return 0
		}}
		w.live(w.slot)
		w.must(w.paths.FillSlot(w.slot, 1))
		w.start(app)
		time.Sleep(2 * time.Second)
		if st := w.wants(state.PhaseStarting); st.Probe != "health check: exit 1" {
			t.Errorf("probe %q", st.Probe)
		}
		time.Sleep(2 * time.Second)
		w.wants(state.PhaseHealthy)
		w.stop()
	})
}

func TestAppThatStaysUnhealthyGetsItsRequestsInTheEnd(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.engine.behaviour["image-1"] = behaviour{healthcheck: func() int { return 1 }}
		w.live(w.slot)
		w.must(w.paths.FillSlot(w.slot, 1))
		w.start(app)
		time.Sleep(19 * time.Second)
		if w.open() {
			t.Error("requests let through before the start timeout")
		}
		time.Sleep(3 * time.Second)
		if !w.open() {
			t.Error("requests still wait")
		}
		w.wants(state.PhaseStarting)
		w.stop()
	})
}

func TestLeftoversOfTheSlotAreRemoved(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		other := sockets.Slot{App: "myapp", Color: sockets.Green}
		for _, c := range []struct {
			slot   sockets.Slot
			number int
		}{{w.slot, 2}, {w.slot, 3}, {other, 2}} {
			name, err := w.engine.Create(t.Context(), specOf(c.slot, c.number))
			w.must(err)
			w.must(w.engine.Start(t.Context(), name))
		}
		w.live(w.slot)
		w.must(w.paths.FillSlot(w.slot, 1))
		w.start(app)
		time.Sleep(time.Second)
		w.wantRunning("myapp-blue-1", "myapp-green-2")
		w.stop()
	})
}

func TestEmptySlotSendsItsCallerAway(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		_, err := w.engine.Create(t.Context(), specOf(w.slot, 2))
		w.must(err)
		w.must(w.engine.Start(t.Context(), "myapp-blue-2"))
		w.start(app)
		w.ends(time.Second, exitEmptied)
		w.wantRunning() // what a killed process left
		w.wants(state.PhaseEmpty)
		if len(w.stopped) != 1 || w.stopped[0] != "edgeman@myapp:blue.socket" {
			t.Errorf("stopped %v", w.stopped)
		}
	})
}

func TestUnreadableReleaseIsWaitedFor(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.live(w.slot)
		w.must(w.paths.FillSlot(w.slot, 9))
		w.start(app)
		w.wants(state.PhaseFailed)
		w.must(w.paths.FillSlot(w.slot, 1))
		time.Sleep(3 * time.Second)
		w.wants(state.PhaseHealthy)
		w.stop()
	})
}
