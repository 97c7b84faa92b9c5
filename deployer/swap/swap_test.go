package swap

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/docker/locate"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/state"
	"edgeman/sockets"
)

func TestSwapSwitchesAndEmptiesTheOldSlot(t *testing.T) {
	w := newWorld(t)
	w.Adopted()
	result, err := w.Swap(context.Background(), Options{App: "myapp", Image: "v2", Pull: "missing"})
	if err != nil {
		t.Fatal(err)
	}
	if color, release := w.LiveSlot(); color != sockets.Green || release != 2 {
		t.Errorf("live is %s with release %d, want green with 2", color, release)
	}
	if got, want := result.Summary(), "myapp: v1 → v2 in"; !strings.HasPrefix(got, want) {
		t.Errorf("summary %q, want %q", got, want)
	}
	if _, filled, _ := w.Paths.SlotRelease(sockets.Slot{App: "myapp", Color: sockets.Blue}); filled {
		t.Error("the old slot is still filled")
	}
	if len(w.Containers) != 1 {
		t.Errorf("containers %v, want one", w.Containers)
	}
	for _, step := range []string{"pull", "start", "switch", "drain"} {
		if !strings.Contains(w.Stderr.String(), "  "+step) {
			t.Errorf("no step %q in\n%s", step, &w.Stderr)
		}
	}
	events, err := w.Paths.History("myapp")
	if err != nil || len(events) != 1 || events[0].Outcome != state.Done || events[0].From != 1 {
		t.Errorf("history %+v, %v", events, err)
	}
	if _, open, _ := w.Paths.ReadOperation("myapp"); open {
		t.Error("the journal was not closed")
	}
}

func TestSwapToASickImageChangesNothing(t *testing.T) {
	w := newWorld(t)
	w.Adopted()
	w.Sick["sha256:v2"] = true
	_, err := w.Swap(context.Background(), Options{App: "myapp", Image: "v2", Timeout: 200 * time.Millisecond})
	if outcome.ExitCode(err) != outcome.ExitFailed {
		t.Fatalf("exit code %d (%v), want %d", outcome.ExitCode(err), err, outcome.ExitFailed)
	}
	for _, want := range []string{"within 200ms", "503 Service Unavailable", "| last words"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q:\n%v", want, err)
		}
	}
	if color, release := w.LiveSlot(); color != sockets.Blue || release != 1 {
		t.Errorf("live is %s with release %d, want blue with 1", color, release)
	}
	green := sockets.Slot{App: "myapp", Color: sockets.Green}
	if _, filled, _ := w.Paths.SlotRelease(green); filled || w.UnitStates[green.SocketUnit()] == "active" || len(w.Containers) != 1 {
		t.Errorf("left behind: filled %v, units %v, containers %v", filled, w.UnitStates, w.Containers)
	}
	if _, err := w.Swap(context.Background(), Options{App: "myapp", Image: "v3"}); err != nil {
		t.Errorf("the next swap: %v", err)
	}
}

func TestSwapRefusals(t *testing.T) {
	tests := []struct {
		name string
		o    Options
		code int
		want string
	}{
		{"unknown app", Options{App: "other", Image: "v2"}, outcome.ExitRefused, "no such app"},
		{"image missing and never pulled", Options{App: "myapp", Image: "v9", Pull: "never"}, outcome.ExitRefused, "myapp:v9 is not on this host"},
		{"mode", Options{App: "myapp", Image: "v2", Mode: "magic"}, outcome.ExitUsage, "magic"},
		{"image with a space", Options{App: "myapp", Image: "my app"}, outcome.ExitUsage, "\"myapp:my app\" is not an image reference"},
		{"image that looks like a flag", Options{App: "myapp", Image: "-x"}, outcome.ExitUsage, "\"myapp:-x\" is not an image reference"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.Adopted()
			before := len(w.Calls)
			_, err := w.Swap(context.Background(), tt.o)
			if outcome.ExitCode(err) != tt.code || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("exit code %d, %v; want %d with %q", outcome.ExitCode(err), err, tt.code, tt.want)
			}
			if len(w.Calls) != before {
				t.Errorf("a refused swap touched %v", w.Calls[before:])
			}
		})
	}
}

func TestSwapIsLockedOut(t *testing.T) {
	w := newWorld(t)
	w.Adopted()
	lock, err := w.Paths.TakeLock(context.Background(), "myapp", "pause", time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock()
	w.LockWait = 300 * time.Millisecond
	_, err = w.Swap(context.Background(), Options{App: "myapp", Image: "v2"})
	if outcome.ExitCode(err) != outcome.ExitLocked || !strings.Contains(err.Error(), "edgeman pause") {
		t.Errorf("%v; want the holder's name and exit code %d", err, outcome.ExitLocked)
	}
	if want := "note: waiting up to 300ms for edgeman pause of myapp (pid "; !strings.Contains(w.Stderr.String(), want) {
		t.Errorf("says %q, want %q", &w.Stderr, want)
	}
}

// A command that was killed leaves its journal and a free lock.
func TestNextCommandFinishesAnInterruptedSwap(t *testing.T) {
	green := sockets.Slot{App: "myapp", Color: sockets.Green}
	tests := []struct {
		name    string
		step    string
		done    func(*world) error
		outcome string
		release int
	}{
		{"slot filled, service never started", "start", func(w *world) error {
			return w.Paths.FillSlot(green, 2)
		}, state.Failed, 1},
		{"switched, old slot draining", "drain", func(w *world) error {
			r, err := w.Paths.ReadRelease("myapp", 2)
			if err != nil {
				return err
			}
			return errors.Join(w.Fill(context.Background(), green, r, state.Pause{}), sockets.SwitchLive(w.Paths.Live("myapp"), w.Paths.Run, green))
		}, state.Done, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.Adopted()
			r := state.Release{App: "myapp", Image: "myapp:v2", ImageID: "sha256:v2", Settings: json.RawMessage(`{"version":1}`)}
			op := state.Operation{Name: "swap", Step: tt.step, Release: 2, From: 1, Slot: green.String(), Started: time.Now()}
			if err := errors.Join(w.Paths.WriteRelease(&r), w.Paths.BeginStep("myapp", op), tt.done(w)); err != nil {
				t.Fatal(err)
			}
			if err := w.Repairs.Repair(context.Background(), "myapp"); err != nil {
				t.Fatal(err)
			}
			if _, release := w.LiveSlot(); release != tt.release {
				t.Errorf("release %d is live, want %d", release, tt.release)
			}
			events, _ := w.Paths.History("myapp")
			if len(events) != 1 || events[0].Outcome != tt.outcome || events[0].Image != "myapp:v2" {
				t.Errorf("history %+v, want %s of myapp:v2", events, tt.outcome)
			}
			live, _, _ := sockets.ReadLive(w.Paths.Live("myapp"))
			if _, err := w.Units.State(context.Background(), live.Other().ServiceUnit()); err != nil { // lets it end by itself
				t.Fatal(err)
			}
			if _, filled, _ := w.Paths.SlotRelease(live.Other()); filled {
				t.Error("the other slot is still filled")
			}
			if !strings.Contains(w.Stderr.String(), "interrupted at step") {
				t.Errorf("nothing was said of it:\n%s", &w.Stderr)
			}
		})
	}
}

func TestRollback(t *testing.T) {
	w := newWorld(t)
	w.Adopted()
	ctx := context.Background()
	if _, err := w.Rollback(ctx, Options{App: "myapp"}); outcome.ExitCode(err) != outcome.ExitRefused {
		t.Errorf("rollback of the first release: %v", err)
	}
	for _, v := range []string{"v2", "v3"} {
		if _, err := w.Swap(ctx, Options{App: "myapp", Image: v}); err != nil {
			t.Fatal(err)
		}
	}
	steps := []struct{ ask, want int }{{0, 2}, {0, 3}, {1, 1}}
	for _, s := range steps {
		if _, err := w.Rollback(ctx, Options{App: "myapp", Release: s.ask}); err != nil {
			t.Fatal(err)
		}
		if _, release := w.LiveSlot(); release != s.want {
			t.Errorf("rollback %d: release %d is live, want %d", s.ask, release, s.want)
		}
	}
	delete(w.Images, "sha256:v3")
	if _, err := w.Rollback(ctx, Options{App: "myapp", Release: 3}); outcome.ExitCode(err) != outcome.ExitRefused {
		t.Errorf("rollback to an image that is gone: %v, want a refusal", err)
	}
}

func TestRollbackIsASwitchWhileTheOldSlotRuns(t *testing.T) {
	w := newWorld(t)
	w.Adopted()
	app, err := w.Paths.ReadApp("myapp")
	if err != nil {
		t.Fatal(err)
	}
	app.KeepWarm = state.Duration(time.Minute)
	if err := w.Paths.WriteApp(app); err != nil {
		t.Fatal(err)
	}
	w.Retire.Store(false)
	blue := sockets.Slot{App: "myapp", Color: sockets.Blue}
	// The old slot's supervisor keeps it warm: it is what the swap then reads.
	if err := w.Paths.WriteSlotStatus(blue, state.SlotStatus{Phase: state.PhaseWarm, Release: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Swap(context.Background(), Options{App: "myapp", Image: "v2"}); err != nil {
		t.Fatal(err)
	}
	starts := len(w.Calls)
	green := sockets.Slot{App: "myapp", Color: sockets.Green}
	if err := w.Paths.WriteSlotStatus(green, state.SlotStatus{Phase: state.PhaseWarm, Release: 2}); err != nil {
		t.Fatal(err)
	}
	go func() { // a candidate says how it really is
		for range time.Tick(5 * time.Millisecond) {
			if holder, held, _ := w.Paths.LockHolder("myapp"); held && holder.Slot == blue.String() {
				_ = w.Paths.WriteSlotStatus(blue, state.SlotStatus{Phase: state.PhaseHealthy, Release: 1})
				return
			}
		}
	}()
	result, err := w.Rollback(context.Background(), Options{App: "myapp"})
	if err != nil || result.Strategy != "switch" {
		t.Fatalf("strategy %q, %v; want a mere switch", result.Strategy, err)
	}
	if color, release := w.LiveSlot(); color != sockets.Blue || release != 1 || len(w.Calls) != starts {
		t.Errorf("live %s with release %d after %v", color, release, w.Calls[starts:])
	}
}

func TestPruneKeepsWhatIsNeeded(t *testing.T) {
	w := newWorld(t)
	w.Adopted()
	w.retains(2)
	for _, v := range []string{"v2", "v1", "v3"} {
		if _, err := w.Swap(context.Background(), Options{App: "myapp", Image: v}); err != nil {
			t.Fatal(err)
		}
	}
	numbers, err := w.Paths.ReleaseNumbers("myapp")
	if err != nil || len(numbers) != 2 || numbers[0] != 3 {
		t.Errorf("releases %v, %v; want 3 and 4", numbers, err)
	}
	// Release 1 is gone, but release 3 runs the same image; release 2's is free.
	if _, err := w.Docker.Image(context.Background(), "sha256:v1"); err != nil {
		t.Error("an image that a kept release needs was removed")
	}
	if _, err := w.Docker.Image(context.Background(), "sha256:v2"); !errors.Is(err, docker.ErrNotFound) {
		t.Error("the image of a forgotten release was kept")
	}
	if want := "prune    release 2 forgotten, image myapp:v2 removed\n"; !strings.Contains(w.Stderr.String(), want) {
		t.Errorf("said\n%s\nwant %q", w.Stderr.String(), want)
	}
}

// An image that no registry has cannot be had again: it stays, without a word.
func TestPruneKeepsWhatWasMadeHere(t *testing.T) {
	for name, digests := range map[string][]string{
		"built or loaded":                  nil,
		"the same in the containerd store": {"myapp@sha256:v2"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.Adopted()
			made := docker.Image{ID: "sha256:v2", RepoDigests: digests}
			w.Images["myapp:v2"], w.Images["sha256:v2"] = made, made
			w.retains(2)
			for _, v := range []string{"v2", "v1", "v3"} {
				if _, err := w.Swap(context.Background(), Options{App: "myapp", Image: v}); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := w.Paths.ReadRelease("myapp", 2); err == nil {
				t.Fatal("release 2 is still on record")
			}
			if _, err := w.Docker.Image(context.Background(), "sha256:v2"); err != nil || strings.Contains(w.Stderr.String(), "prune") {
				t.Errorf("the image: %v; said\n%s", err, w.Stderr.String())
			}
		})
	}
}

func (w *world) retains(n int) {
	w.T.Helper()
	app, err := w.Paths.ReadApp("myapp")
	app.Retain = n
	if err = errors.Join(err, w.Paths.WriteApp(app)); err != nil {
		w.T.Fatal(err)
	}
}

// An image that another app's release names stays, whoever forgets it.
func TestPruneKeepsWhatAnotherAppNeeds(t *testing.T) {
	w := newWorld(t)
	w.Adopted()
	app, err := w.Paths.ReadApp("myapp")
	if err != nil {
		t.Fatal(err)
	}
	app.Retain = 2
	other := state.DefaultApp("other")
	other.Listeners, other.Image = []state.Listener{state.PortListener(8080)}, "myapp"
	r := state.Release{App: "other", Image: "myapp:v2", ImageID: "sha256:v2", Listeners: []state.Listener{state.PortListener(8080)}, Mode: "proxy"}
	if err := errors.Join(w.Paths.WriteApp(app), w.Paths.MakeApp("other"), w.Paths.WriteApp(other), w.Paths.WriteRelease(&r)); err != nil {
		t.Fatal(err)
	}
	for _, v := range []string{"v2", "v1", "v3"} {
		if _, err := w.Swap(context.Background(), Options{App: "myapp", Image: v}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Docker.Image(context.Background(), "sha256:v2"); err != nil {
		t.Errorf("an image that another app's release names was removed: %v", err)
	}
}

// A swap that fails says where the new container listens, if that is elsewhere,
// and what can be done about it.
func TestSwapSaysWhereTheContainerListens(t *testing.T) {
	w := newWorld(t)
	w.Adopted()
	w.Sick["sha256:v2"] = true
	for at, next := range map[locate.Elsewhere]string{
		{Text: "web listens on port 3000"}:                 "ports in " + w.Paths.AppConfig("myapp") + " says on which port the app is asked",
		{Text: "web listens on port 8080", Loopback: true}: "let the app listen at 0.0.0.0",
	} {
		w.Elsewhere = at
		_, err := w.Swap(t.Context(), Options{App: "myapp", Image: "v2", Timeout: 300 * time.Millisecond})
		for _, want := range []string{"\n" + at.Text + "\nlast output of ", "\nhint: " + next} {
			if outcome.ExitCode(err) != outcome.ExitFailed || strings.Count(hint.Text(err), "\nhint: ") != 1 || !strings.Contains(hint.Text(err), want) {
				t.Errorf("exit code %d, no %q in\n%v", outcome.ExitCode(err), want, err)
			}
		}
	}
}
