package repair

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/state"
	"edgeman/deployer/swap"
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

	w.Adopted()
	if err := os.Remove(w.Paths.AppConfig("myapp")); err != nil {
		t.Fatal(err)
	}
	if names, err := w.Paths.AppNames(); err != nil || len(names) != 1 {
		t.Errorf("an app without its settings is not listed: %v, %v", names, err)
	}
	if _, err := w.Swaps.Swap(t.Context(), swap.Options{App: "myapp", Image: "v2"}); !errors.Is(err, state.ErrNoSettings) || outcome.ExitCode(err) != outcome.ExitRefused {
		t.Errorf("swap without its settings: %v", err)
	}
	if err := w.Repair(t.Context(), "myapp"); err != nil {
		t.Fatal(err)
	}
	if a, err := w.Paths.ReadApp("myapp"); err != nil || !slices.Equal(a.Listeners, []state.Listener{state.PortListener(8080)}) || a.Image != "myapp" {
		t.Errorf("settings after repair: %+v, %v", a, err)
	}
	if color, number := w.LiveSlot(); color != "blue" || number != 1 {
		t.Errorf("release %d on %s is live", number, color)
	}
}

// A live pointer that somebody removed is made again, when there is no doubt
// about what it said.
func TestRepairRestoresThePointer(t *testing.T) {
	w := newWorld(t)
	w.Adopted()
	if err := os.Remove(w.Paths.Live("myapp")); err != nil {
		t.Fatal(err)
	}
	if err := w.Repair(t.Context(), "myapp"); err != nil {
		t.Fatal(err)
	}
	if color, number := w.LiveSlot(); color != "blue" || number != 1 {
		t.Errorf("release %d on %s is live", number, color)
	}
	if said := w.Stderr.String(); !strings.Contains(said, "the live pointer was gone: → blue") || strings.Contains(said, "nothing to repair") {
		t.Errorf("said\n%s", said)
	}
	green := sockets.Slot{App: "myapp", Color: sockets.Green}
	if err := errors.Join(w.Paths.FillSlot(green, 1), os.Remove(w.Paths.Live("myapp"))); err != nil {
		t.Fatal(err)
	}
	var broken *outcome.BrokenError
	if err := w.Repair(t.Context(), "myapp"); !errors.As(err, &broken) {
		t.Errorf("with both slots filled: %v", err)
	}
}

// What others did to the live container, or to what it is made of, is put right.
func TestRepairOfContainers(t *testing.T) {
	const own = "myapp-blue-1"
	tests := map[string]struct {
		do   func(w *world)
		says string // of an error; "" means that all is well then
	}{
		"cut off": {do: func(w *world) {
			w.Containers["vpn"] = docker.Container{ID: "vpn", Name: "vpn", Running: true}
			w.Containers[own] = docker.Container{ID: own, Name: own, Running: true, Adrift: "vpn was started again"}
		}},
		"cut off from one that is gone": {func(w *world) {
			w.Containers[own] = docker.Container{ID: own, Name: own, Running: true, Adrift: "vpn is gone"}
		}, "hint: docker start vpn, then edgeman repair myapp"},
		"image pruned": {do: func(w *world) {
			clear(w.Containers)
			w.Pulls = func(ref string) {
				if ref == "r.example/myapp@sha256:registry-v1" {
					w.Images["sha256:v1"] = docker.Image{ID: "sha256:v1"}
				}
			}
			delete(w.Images, "sha256:v1")
		}},
		"image pruned, and the registry has another": {func(w *world) {
			clear(w.Containers)
			delete(w.Images, "sha256:v1")
		}, "the image r.example/myapp:v1 of release 1 is gone: what the registry has there now is another image\nhint: edgeman swap myapp IMAGE"},
		"tries in vain to come up": {func(w *world) {
			w.Says(state.SlotStatus{Phase: state.PhaseFailed, Release: 1, Message: "no room"})
		}, "does not become healthy: no room"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.Adopted()
			w.recorded(func(r *state.Release) {
				r.Image, r.Digest = "r.example/myapp:v1", "sha256:registry-v1"
				r.Settings = json.RawMessage(`{"version":1,"host_config":{"NetworkMode":"container:vpn"}}`)
			})
			tt.do(w)
			err := w.Repair(t.Context(), "myapp")
			if (err == nil) != (tt.says == "") || err != nil && (!strings.Contains(hint.Text(err), tt.says) || outcome.ExitCode(err) != outcome.ExitBroken) {
				t.Fatalf("%v, want %q", err, tt.says)
			}
			if c := w.Containers[own]; c.Adrift != "" && tt.says == "" {
				t.Errorf("still cut off: %s", c.Adrift)
			}
		})
	}
}

// recorded changes the live release's record, and has its service start it.
func (w *world) recorded(change func(*state.Release)) {
	w.T.Helper()
	blue := sockets.Slot{App: "myapp", Color: sockets.Blue}
	r, err := w.Paths.ReadRelease("myapp", 1)
	if err == nil {
		change(&r)
		err = errors.Join(w.Paths.RemoveRelease("myapp", 1), w.Paths.WriteRelease(&r))
	}
	if err == nil {
		err = w.Supervise(blue)
	}
	app, appErr := w.Paths.ReadApp("myapp")
	app.Start.Timeout = state.Duration(time.Second)
	if err := errors.Join(err, appErr, w.Paths.WriteApp(app)); err != nil {
		w.T.Fatal(err)
	}
}
