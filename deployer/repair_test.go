package deployer

import (
	"errors"
	"os"
	"testing"

	"edgeman/deployer/state"
	"edgeman/sockets"
)

// An adoption that is killed before it has begun leaves a directory, and a
// release that is killed at its end may, too. repair removes that; an app whose
// settings somebody deleted gets them back from its live release.
func TestRepairRemovesWhatNobodyKnows(t *testing.T) {
	w := newWorld(t)
	if err := w.Paths.MakeApp("myapp"); err != nil {
		t.Fatal(err)
	}
	if err := w.Repair(t.Context(), "myapp"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(w.Paths.App("myapp")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the app's directory is still there: %v", err)
	}

	w.adopted()
	if err := os.Remove(w.Paths.AppConfig("myapp")); err != nil {
		t.Fatal(err)
	}
	if names, err := w.Paths.AppNames(); err != nil || len(names) != 1 {
		t.Errorf("an app without its settings is not listed: %v, %v", names, err)
	}
	if _, err := w.Swap(t.Context(), SwapOptions{App: "myapp", Image: "v2"}); !errors.Is(err, state.ErrNoSettings) || ExitCode(err) != ExitRefused {
		t.Errorf("swap without its settings: %v", err)
	}
	if err := w.Repair(t.Context(), "myapp"); err != nil {
		t.Fatal(err)
	}
	if a, err := w.Paths.ReadApp("myapp"); err != nil || a.Port != 8080 || a.Image != "myapp" {
		t.Errorf("settings after repair: %+v, %v", a, err)
	}
	if color, number := w.live(); color != "blue" || number != 1 {
		t.Errorf("release %d on %s is live", number, color)
	}
}

// A live pointer that somebody removed is made again, when there is no doubt
// about what it said.
func TestRepairRestoresThePointer(t *testing.T) {
	w := newWorld(t)
	w.adopted()
	if err := os.Remove(w.Paths.Live("myapp")); err != nil {
		t.Fatal(err)
	}
	if err := w.Repair(t.Context(), "myapp"); err != nil {
		t.Fatal(err)
	}
	if color, number := w.live(); color != "blue" || number != 1 {
		t.Errorf("release %d on %s is live", number, color)
	}
	green := sockets.Slot{App: "myapp", Color: sockets.Green}
	if err := errors.Join(w.Paths.FillSlot(green, 1), os.Remove(w.Paths.Live("myapp"))); err != nil {
		t.Fatal(err)
	}
	var broken *BrokenError
	if err := w.Repair(t.Context(), "myapp"); !errors.As(err, &broken) {
		t.Errorf("with both slots filled: %v", err)
	}
}
