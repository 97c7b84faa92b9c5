package swap

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"edgeman/deployer/docker/adoptable"
	"edgeman/deployer/docker/volume"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/state"
)

// each command that takes the live container away.
func takingAway(w *world, allow []string) map[string]func() error {
	ctx := context.Background()
	return map[string]func() error{
		"swap": func() error {
			_, err := w.Swap(ctx, Options{App: "myapp", Image: "v3", Pull: "missing", Allow: allow})
			return err
		},
		"restart": func() error { _, err := w.Restart(ctx, Options{App: "myapp", Allow: allow}); return err },
		"rollback": func() error {
			_, err := w.Rollback(ctx, Options{App: "myapp", Release: 1, Allow: allow})
			return err
		},
	}
}

// swapped is an app whose second release is live.
func swapped(t *testing.T) *world {
	w := newWorld(t)
	w.Adopted()
	if _, err := w.Swap(context.Background(), Options{App: "myapp", Image: "v2", Pull: "missing"}); err != nil {
		t.Fatal(err)
	}
	return w
}

// Files that only the live container has are not lost without a word.
func TestDataInTheLiveContainer(t *testing.T) {
	data := adoptable.Live{Refusals: []adoptable.Note{{Code: adoptable.CodeWritableLayer, Text: "it has 1 changed file: /upload", Override: "--allow-writable-layer"}}}
	for _, name := range []string{"swap", "restart", "rollback"} {
		for _, tt := range []struct {
			name    string
			allow   []string
			always  bool
			refused bool
		}{{"refused", nil, false, true}, {"accepted", []string{adoptable.CodeWritableLayer}, false, false}, {"always accepted", nil, true, false}} {
			t.Run(name+"/"+tt.name, func(t *testing.T) {
				w := swapped(t)
				_, number := w.LiveSlot()
				w.Lives = map[string]adoptable.Live{"myapp-green-2": data}
				if tt.always {
					app, err := w.Paths.ReadApp("myapp")
					app.AllowLayer = true
					if err = errors.Join(err, w.Paths.WriteApp(app)); err != nil {
						t.Fatal(err)
					}
				}
				err := takingAway(w, tt.allow)[name]()
				if !tt.refused {
					if err != nil {
						t.Error(err)
					}
					return
				}
				if outcome.ExitCode(err) != outcome.ExitRefused || !strings.Contains(hint.Text(err), "/upload\nhint: --allow-writable-layer accepts") || !strings.Contains(hint.Text(err), "allow_writable_layer = true") {
					t.Errorf("exit code %d, %v", outcome.ExitCode(err), err)
				}
				if _, now := w.LiveSlot(); now != number {
					t.Errorf("release %d is live", now)
				}
				if numbers, _ := w.Paths.ReleaseNumbers("myapp"); !slices.Equal(numbers, []int{1, 2}) {
					t.Errorf("releases %v", numbers)
				}
			})
		}
	}
}

// A restart that stops first starts the very container again.
func TestRestartOfTheSameContainer(t *testing.T) {
	for strategy, refused := range map[string]bool{state.StopFirst: false, state.Overlap: true} {
		s := &swap{app: state.DefaultApp("myapp"), next: state.Release{Number: 2}, current: state.Release{Number: 2}}
		s.app.Strategy = strategy
		if s.sameContainer() == refused {
			t.Errorf("%s: the same container %v", strategy, !refused)
		}
		if s.current.Number = 1; s.sameContainer() {
			t.Errorf("%s: another release runs in the same container", strategy)
		}
	}
}

// What has changed on the live container goes into the next release, and what
// runs as it was recorded says what it leaves behind.
func TestChangedOnTheLiveContainer(t *testing.T) {
	changed := adoptable.Live{Settings: json.RawMessage(`{"version":1,"networks":{"db":{}}}`), Changed: []string{"on network db"}, Notes: []string{"a note"}, StopFirst: []string{"has a fixed address"}}
	for name, want := range map[string]string{"swap": "and kept: on network db", "restart": "without the changes made on the live container since: on network db", "rollback": "without the changes made"} {
		w := swapped(t)
		w.Lives = map[string]adoptable.Live{"myapp-green-2": changed}
		app, err := w.Paths.ReadApp("myapp")
		app.Strategy = "overlap"
		if err = errors.Join(err, w.Paths.WriteApp(app)); err != nil {
			t.Fatal(err)
		}
		if err := takingAway(w, nil)[name](); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if said := w.Stderr.String(); !strings.Contains(said, want) || !strings.Contains(said, "a note") {
			t.Errorf("%s says:\n%s", name, said)
		}
		if name == "swap" {
			if r, err := w.Paths.ReadRelease("myapp", 3); err != nil || !strings.Contains(string(r.Settings), `"db"`) || !slices.Contains(r.StopFirst, "has a fixed address") {
				t.Errorf("%v, %+v", err, r)
			}
		}
	}
}

// What a container needs of the host is looked for before anything is touched.
func TestSourceGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	for _, name := range []string{"swap", "restart", "rollback"} {
		w := swapped(t)
		for _, n := range []int{1, 2} {
			r, err := w.Paths.ReadRelease("myapp", n)
			r.Settings = json.RawMessage(`{"version":1,"host_config":{"Mounts":[{"Type":"bind","Source":"` + path + `","Target":"/s"}]}}`)
			if err = errors.Join(err, state.WriteJSON(w.Paths.Release("myapp", n), r)); err != nil {
				t.Fatal(err)
			}
		}
		_, number := w.LiveSlot()
		err := takingAway(w, nil)[name]()
		if outcome.ExitCode(err) != outcome.ExitRefused || !strings.Contains(err.Error(), path+" is mounted into it and is gone") {
			t.Errorf("%s: exit code %d, %v", name, outcome.ExitCode(err), err)
		}
		if _, now := w.LiveSlot(); now != number {
			t.Errorf("%s: release %d is live", name, now)
		}
		if _, err := os.Lstat(path); err == nil {
			t.Errorf("%s: something is there", name)
		}
	}
}

// A volume that an image declares first is named for the app, mounted by every
// release from then on, and removed with a release that fails.
func TestDeclaredVolume(t *testing.T) {
	w := newWorld(t)
	w.Adopted()
	v2 := w.Images["myapp:v2"]
	v2.Volumes = []string{"/data"}
	w.Images["myapp:v2"], w.Images["sha256:v2"] = v2, v2
	w.Sick["sha256:v2"] = true
	ctx := context.Background()
	if _, err := w.Swap(ctx, Options{App: "myapp", Image: "v2", Pull: "missing", Timeout: 1}); err == nil {
		t.Fatal("a sick release is taken")
	}
	removed := func(call string) bool { return strings.HasPrefix(call, "remove volume myapp-data-") }
	if !slices.ContainsFunc(w.Calls, removed) {
		t.Errorf("the volume stays: %q", w.Calls)
	}
	delete(w.Sick, "sha256:v2")
	w.Calls = nil
	result, err := w.Swap(ctx, Options{App: "myapp", Image: "v2", Pull: "missing"})
	if err != nil || result.Strategy != "overlap" {
		t.Fatalf("%+v, %v", result, err)
	}
	r, err := w.Paths.ReadRelease("myapp", result.Release)
	volumes, named := volume.Declared(r.Settings, "myapp")
	if err = errors.Join(err, named); err != nil || len(volumes) != 1 || volumes[0].Target != "/data" || len(r.StopFirst) != 1 {
		t.Fatalf("%v %v, %v", volumes, r.StopFirst, err)
	}
	s := &swap{Host: w.Host, app: state.DefaultApp("myapp")}
	for _, n := range []int{1, result.Release} {
		if s.next, err = w.Paths.ReadRelease("myapp", n); err == nil {
			err = s.shareVolumes()
		}
		s.beside = s.next.StopFirst
		if how, why := s.strategy(); err != nil || how != state.StopFirst || !strings.Contains(why, "/data") {
			t.Errorf("release %d: %s, %s, %v", n, how, why, err)
		}
	}
	if slices.ContainsFunc(w.Calls, removed) {
		t.Error("the volume of a release that serves was removed")
	}
}
