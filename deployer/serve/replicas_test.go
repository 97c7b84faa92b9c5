package serve

import (
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"edgeman/deployer/fake"
	"edgeman/deployer/state"
	"edgeman/sockets"
)

// three are the containers of release n of myapp in blue.
func three(n string) []string {
	return []string{"myapp-blue-" + n + "-1", "myapp-blue-" + n + "-2", "myapp-blue-" + n + "-3"}
}

// replicated records another release, of image-N, with n replicas.
func (w *world) replicated(n int) state.Release {
	w.t.Helper()
	r := state.Release{App: "myapp", ImageID: "image-1", Image: "myapp:v1", Listeners: []state.Listener{state.PortListener(8080)}, Replicas: n, Settings: json.RawMessage(`{"version":1}`)}
	w.must(w.paths.WriteRelease(&r))
	return r
}

func (w *world) wantUp(up, of int) state.SlotStatus {
	w.t.Helper()
	st := w.status()
	if u, o := st.Up(); u != up || o != of {
		w.t.Errorf("%d of %d replicas are up, want %d of %d; %+v", u, o, up, of, st)
	}
	return st
}

// filled makes release 4 of three replicas live and waits until it is healthy.
func (w *world) filled(app *fake.EchoApp) {
	w.t.Helper()
	w.live(w.slot)
	w.must(w.paths.FillSlot(w.slot, w.replicated(3).Number))
	w.start(app)
	time.Sleep(time.Second)
	w.wantUp(3, 3)
	w.wantRunning(three("4")...)
}

func TestReplicasStartAndStop(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.filled(app)
		if st := w.wants(state.PhaseHealthy); !st.Whole() || st.Replicas[1].Container != "myapp-blue-4-2" || st.Container != "myapp-blue-4-1" {
			t.Errorf("status %+v", st)
		}
		for i, name := range three("4") {
			if got := w.engine.specs[name].Labels["edgeman.replica"]; got != string(rune('1'+i)) {
				t.Errorf("%s has the label %q", name, got)
			}
		}
		w.stop()
		w.wantRunning()
	})
}

func TestDeadReplicaDoesNotTouchTheOthers(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.filled(app)
		log := len(w.engine.log)
		w.engine.kill("myapp-blue-4-2", nil, 137)
		synctest.Wait()
		if st := w.wants(state.PhaseHealthy); st.Whole() || st.Replicas[1].ExitCode != 137 || st.Ailing() != "myapp-blue-4-2" {
			t.Errorf("status %+v", st)
		}
		w.wantUp(2, 3)
		if !w.open() {
			t.Error("requests wait although two replicas are well")
		}
		time.Sleep(time.Second)
		w.wantUp(3, 3)
		if did := w.engine.log[log:]; len(did) != 1 || did[0] != "start myapp-blue-4-2" {
			t.Errorf("did %v, want one start", did)
		}
		w.stop()
	})
}

func TestLiveSlotServesWhileOneReplicaIsHealthy(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.filled(app)
		for i, name := range three("4") {
			w.engine.mu.Lock()
			w.engine.containers[name].cannotStart = true
			w.engine.mu.Unlock()
			w.engine.kill(name, nil, 1)
			synctest.Wait()
			w.wantUp(2-i, 3)
			if want := i < 2; w.open() != want {
				t.Errorf("after %d deaths: requests flow %v, want %v", i+1, w.open(), want)
			}
		}
		time.Sleep(10 * time.Second)
		w.wants(state.PhaseFailed)
		w.stop()
	})
}

func TestCandidateNeedsAllReplicas(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.live(sockets.Slot{App: "myapp", Color: sockets.Green})
		lock, err := w.paths.TakeLock(t.Context(), "myapp", "swap", time.Second)
		w.must(err)
		defer lock.Unlock()
		w.must(lock.Candidate(w.slot))
		r := w.replicated(3)
		w.must(w.paths.FillSlot(w.slot, r.Number))
		var checks atomic.Int32
		w.engine.behaviour["image-1"] = behaviour{healthcheck: func() int {
			if checks.Add(1) > 2 { // the first two are well, the third is not
				return 1
			}
			return 0
		}}
		w.start(app)
		time.Sleep(5 * time.Second)
		w.wants(state.PhaseStarting)
		w.wantUp(2, 3)
		checks.Store(-100)
		time.Sleep(time.Second)
		w.wants(state.PhaseHealthy)
		w.wantUp(3, 3)
		w.stop()
	})
}

func TestStopFirstWithReplicas(t *testing.T) {
	for _, c := range []struct {
		name     string
		from, to int
	}{{"3 to 3", 3, 3}, {"3 to 1", 3, 1}, {"1 to 3", 1, 3}} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
				w.live(w.slot)
				from, to := w.replicated(c.from), w.replicated(c.to)
				w.must(w.paths.FillSlot(w.slot, from.Number))
				w.start(app)
				time.Sleep(time.Second)
				w.wantRunning(from.Containers("blue")...)
				lock, err := w.paths.TakeLock(t.Context(), "myapp", "swap", time.Second)
				w.must(err)
				defer lock.Unlock()
				w.must(w.paths.SetNext(w.slot, to.Number))
				w.nudge()
				time.Sleep(5 * time.Second)
				w.wants(state.PhaseHealthy)
				w.wantRunning(to.Containers("blue")...)
				if len(w.engine.containers) != c.to {
					t.Errorf("left: %v", w.engine.containers)
				}
				w.stop()
			})
		})
	}
}

func TestFailedStopFirstBringsAllReplicasBack(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.filled(app)
		next := state.Release{App: "myapp", ImageID: "image-2", Image: "myapp:v2", Listeners: []state.Listener{state.PortListener(8080)}, Replicas: 2, Settings: json.RawMessage(`{"version":1}`)}
		w.must(w.paths.WriteRelease(&next))
		w.engine.behaviour["image-2"] = behaviour{deaf: true}
		lock, err := w.paths.TakeLock(t.Context(), "myapp", "swap", time.Second)
		w.must(err)
		defer lock.Unlock()
		w.must(w.paths.SetNext(w.slot, next.Number))
		w.nudge()
		time.Sleep(time.Minute)
		st := w.wants(state.PhaseHealthy)
		w.wantUp(3, 3)
		w.wantRunning(three("4")...)
		if st.Rejected == nil || st.Rejected.Container != "myapp-blue-5-1" || len(w.engine.containers) != 3 {
			t.Errorf("rejected %+v, containers %v", st.Rejected, w.engine.containers)
		}
		w.stop()
	})
}

func TestRetiredSlotRemovesAllReplicas(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.filled(app)
		w.live(sockets.Slot{App: "myapp", Color: sockets.Green})
		w.nudge()
		w.ends(5*time.Second, exitEmptied)
		if len(w.engine.containers) != 0 {
			t.Errorf("left: %v", w.engine.containers)
		}
	})
}

// A retired slot starts nothing, so its service finds what is left of the
// replicas. A rollback to it wants all of them.
func TestRollbackToASlotThatLacksAReplica(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.filled(app)
		w.must(w.paths.SetDrain(w.slot, state.Drain{WarmUntil: time.Now().Add(time.Hour), Deadline: time.Now().Add(2 * time.Hour)}))
		w.live(w.slot.Other())
		w.nudge()
		w.wants(state.PhaseWarm)
		w.crash()
		w.engine.kill("myapp-blue-4-2", nil, 137)
		w.start(app)
		time.Sleep(time.Second)
		w.wants(state.PhaseWarm)
		w.wantUp(2, 2)
		lock, err := w.paths.TakeLock(t.Context(), "myapp", "rollback", 0)
		w.must(err)
		w.must(lock.Candidate(w.slot))
		w.nudge()
		time.Sleep(2 * time.Second)
		w.wantUp(3, 3)
		w.live(w.slot)
		lock.Unlock()
		w.nudge()
		w.wants(state.PhaseHealthy)
		w.wantRunning(three("4")...)
		if !w.open() {
			t.Error("requests wait")
		}
		w.stop()
	})
}

func TestKilledServiceAttachesToAllReplicas(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.filled(app)
		before := w.status()
		log := len(w.engine.log)
		w.crash()
		w.must(w.paths.WriteSlotStatus(w.slot, before))
		app.Refusing.Store(1 << 20)
		w.start(app)
		w.wants(state.PhaseHealthy)
		w.wantUp(3, 3)
		if did := w.engine.log[log:]; len(did) != 0 {
			t.Errorf("did %v, want nothing", did)
		}
		w.stop()
	})
}

func TestPauseAndResumeWithReplicas(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.filled(app)
		w.must(w.paths.SetPause(w.slot, state.Pause{Until: time.Now().Add(time.Hour), Reason: state.PauseAsked}))
		w.nudge()
		w.wants(state.PhaseHolding)
		if w.open() {
			t.Error("requests flow")
		}
		w.must(w.paths.ClearPause(w.slot))
		w.nudge()
		w.wants(state.PhaseHealthy)
		if !w.open() {
			t.Error("requests wait")
		}
		w.stop()
	})
}

// Each replica with a volume of its own would have data that the next release
// does not find.
func TestReplicasShareTheVolumeThatTheirImageDeclares(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.engine.behaviour["image-1"] = behaviour{volume: true}
		w.filled(app)
		for i, name := range three("4") {
			has := strings.Contains(string(w.engine.specs[name].Settings), anonymous("myapp-blue-4-1"))
			if want := i > 0; has != want {
				t.Errorf("%s is given the first one's volume: %v, want %v", name, has, want)
			}
		}
		w.stop()
	})
}

// A release from before an image declared a volume mounts it all the same: what
// users have put there is the app's.
func TestVolumesOfTheOtherReleases(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		older := w.replicated(1)
		later := older
		later.Settings = json.RawMessage(`{"version":1,"host_config":{"Mounts":[{"Type":"volume","Source":"myapp-data-1","Target":"/data"}]}}`)
		w.must(w.paths.WriteRelease(&later))
		w.live(w.slot)
		w.must(w.paths.FillSlot(w.slot, older.Number))
		w.start(app)
		time.Sleep(time.Second)
		w.wants(state.PhaseHealthy)
		for name, spec := range w.engine.specs {
			if !strings.Contains(string(spec.Settings), "myapp-data-1") {
				t.Errorf("%s is made without the volume: %s", name, spec.Settings)
			}
		}
		w.stop()
	})
}
