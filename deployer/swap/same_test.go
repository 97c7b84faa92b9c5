package swap

import (
	"errors"
	"strings"
	"testing"

	"edgeman/deployer/docker"
	"edgeman/deployer/fake"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
)

// Without an image, a swap deploys what the live release's reference leads to now.
func TestSwapOfTheSameReference(t *testing.T) {
	for name, row := range map[string]struct {
		before func(w *world) // the swap
		pulled bool
		live   int // the release afterwards
		image  string
	}{
		"nothing new": {before: func(w *world) {
			if _, err := w.Swap(t.Context(), Options{App: "myapp", Image: "v2"}); err != nil {
				t.Fatal(err)
			}
		}, live: 2},
		"built anew": {before: func(w *world) { w.Images["myapp:v1"] = docker.Image{ID: "sha256:again"} }, live: 2, image: "sha256:again"},
		"a setting has changed": {before: func(w *world) {
			app, err := w.Paths.ReadApp("myapp")
			app.Env = []string{"A=b"}
			if err := errors.Join(err, w.Paths.WriteApp(app)); err != nil {
				t.Fatal(err)
			}
		}, live: 2, image: "sha256:v1"},
		"the registry has the same": {before: fromRegistry, pulled: true, live: 2},
		"the registry has another": {before: func(w *world) {
			fromRegistry(w)
			w.Pulled = docker.Image{ID: "sha256:newer", RepoDigests: []string{"myapp@sha256:def"}}
		}, pulled: true, live: 3, image: "sha256:newer"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.Adopted()
			row.before(w)
			var pulls []string
			w.Pulls = func(ref string) { pulls = append(pulls, ref) }
			_, was := w.LiveSlot()
			r, err := w.Swap(t.Context(), Options{App: "myapp"})
			if err != nil {
				t.Fatal(err)
			}
			if (len(pulls) > 0) != row.pulled {
				t.Errorf("pulled %q", pulls)
			}
			if _, live := w.LiveSlot(); live != row.live || r.Release != row.live || r.Unchanged != (live == was) {
				t.Errorf("release %d, %+v", live, r)
			}
			if r.Unchanged != strings.Contains(r.Summary(), "nothing was changed") {
				t.Errorf("summary %q", r.Summary())
			}
			if got, err := w.Paths.ReadRelease("myapp", row.live); err != nil || row.image != "" && got.ImageID != row.image {
				t.Errorf("runs %s, %v", got.ImageID, err)
			}
		})
	}
}

// fromRegistry makes the live release, the second, one that was pulled.
func fromRegistry(w *world) {
	w.T.Helper()
	if _, err := w.Swap(w.T.Context(), Options{App: "myapp", Image: "v3", Pull: "always"}); err != nil {
		w.T.Fatal(err)
	}
}

// What never leads to another image is refused, and so is going back to an older
// release because a registry was slow.
func TestSwapOfTheSameReferenceIsRefused(t *testing.T) {
	for name, row := range map[string]struct {
		before func(w *world)
		want   string
	}{
		"a digest": {func(w *world) {
			w.Images["myapp@sha256:abc"] = docker.Image{ID: "sha256:fixed"}
			if _, err := w.Swap(t.Context(), Options{App: "myapp", Image: "myapp@sha256:abc"}); err != nil {
				t.Fatal(err)
			}
		}, "release 2 runs myapp@sha256:abc, which is always the same image\nhint: name what to deploy: edgeman swap myapp IMAGE"},
		"another swap meanwhile": {func(w *world) {
			fromRegistry(w)
			w.Host.Docker = pullMeets{fake.Docker{World: w.World}, func() {
				if _, err := w.Swap(t.Context(), Options{App: "myapp", Image: "v2"}); err != nil {
					t.Error(err)
				}
			}}
		}, "release 3 (myapp:v2) was deployed while myapp:v3 was pulled\nhint: edgeman swap myapp myapp:v3"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.Adopted()
			row.before(w)
			_, err := w.Swap(t.Context(), Options{App: "myapp"})
			if outcome.ExitCode(err) != outcome.ExitRefused || !strings.Contains(hint.Text(err), row.want) {
				t.Errorf("%v", hint.Text(err))
			}
		})
	}
}
