package swap

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"edgeman/deployer/fake"
	"edgeman/deployer/outcome"
	"edgeman/deployer/state"
)

// A swap that has taken place but cannot be recorded says that the new release
// serves, and the next command records it: a rollback finds its way by that.
func TestSwapThatCannotBeRecorded(t *testing.T) {
	w := newWorld(t)
	w.Adopted()
	history := filepath.Join(w.Paths.App("myapp"), "history.jsonl")
	w.Units = fake.StartHook{Units: fake.Units{World: w.World}, Before: func() error { return os.MkdirAll(history, 0o700) }} // as unwritable as on a full disk
	_, err := w.Swap(t.Context(), Options{App: "myapp", Image: "v2"})
	var broken *outcome.BrokenError
	if !errors.As(err, &broken) {
		t.Errorf("got %v, want an error of exit code %d", err, outcome.ExitBroken)
	}
	if _, number := w.LiveSlot(); number != 2 {
		t.Errorf("release %d is live", number)
	}
	w.Units = fake.Units{World: w.World}
	if err := os.Remove(history); err != nil {
		t.Fatal(err)
	}
	if err := w.Repairs.Repair(t.Context(), "myapp"); err != nil {
		t.Fatal(err)
	}
	events, err := w.Paths.History("myapp")
	if err != nil || len(events) != 1 || events[0].Outcome != state.Done || events[0].Release != 2 || events[0].From != 1 {
		t.Errorf("history %+v, %v", events, err)
	}
}

// So is an interrupted swap: undone and not on record, its number would be given
// to another release.
func TestInterruptedSwapThatCannotBeRecorded(t *testing.T) {
	w := newWorld(t)
	w.Adopted()
	r := state.Release{App: "myapp", Image: "myapp:v2", ImageID: "sha256:v2", Settings: json.RawMessage(`{"version":1}`)}
	history := filepath.Join(w.Paths.App("myapp"), "history.jsonl")
	err := errors.Join(w.Paths.WriteRelease(&r), w.Paths.BeginStep("myapp", state.Operation{Name: "swap", Step: "start", Release: 2, From: 1, Slot: "myapp:green"}),
		os.MkdirAll(history, 0o700))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Repairs.Repair(t.Context(), "myapp"); err == nil {
		t.Error("nothing is said of the history")
	}
	if err := errors.Join(os.Remove(history), w.Repairs.Repair(t.Context(), "myapp")); err != nil {
		t.Fatal(err)
	}
	events, err := w.Paths.History("myapp")
	if err != nil || len(events) != 1 || events[0].Release != 2 {
		t.Errorf("history %+v, %v", events, err)
	}
	if err := w.Paths.WriteRelease(&r); err != nil || r.Number != 3 {
		t.Errorf("the next release has the number %d, %v", r.Number, err)
	}
}
