package swap

import (
	"context"
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"edgeman/deployer/docker"
	"edgeman/deployer/docker/registry"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/state"
)

// A tag of an image without a name means nothing; a whole reference does.
func TestSwapOfAnAppWithoutARepository(t *testing.T) {
	for _, repository := range []string{"", "sha256", "29000a18b2f1", "29000a18b2f1c3d4e5f60718293a4b5c6d7e8f9029000a18b2f1c3d4e5f60718"} {
		w := newWorld(t)
		w.Adopted()
		app, err := w.Paths.ReadApp("myapp")
		app.Image = repository
		if err := errors.Join(err, w.Paths.WriteApp(app)); err != nil {
			t.Fatal(err)
		}
		w.PullErr = errors.New("must not be pulled")
		_, err = w.Swap(context.Background(), Options{App: "myapp", Image: "v2"})
		if outcome.ExitCode(err) != outcome.ExitRefused || !strings.Contains(hint.Text(err), "hint: say all of it: edgeman swap myapp REPOSITORY:v2; or once and for all: image = \"REPOSITORY\" in "+w.Paths.AppConfig("myapp")) {
			t.Errorf("%q: %v", repository, err)
		}
		if _, err := w.Swap(context.Background(), Options{App: "myapp", Image: "myapp:v2"}); err != nil {
			t.Errorf("%q, whole: %v", repository, err)
		}
	}
}

// What is said of a pull that failed is what can be done about it.
func TestPullHints(t *testing.T) {
	const denied = "pull access denied for x, repository does not exist or may require 'docker login'"
	home := t.TempDir()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		image string
		kind  registry.Kind
		made  bool // the live image was built here
		want  string
	}{
		"no login":              {"r.example/x:v9", registry.Denied, false, "sudo docker login r.example"},
		"made here":             {"v9000", registry.Denied, true, "release 1 was built or loaded on this host, so myapp:v9000 has to be as well: docker build -t myapp:v9000"},
		"made here, other name": {"r.example/x:v9", registry.Denied, true, "sudo docker login r.example"},
		"no such registry":      {"r.exampel/x:v9", registry.Unreachable, false, "is r.exampel spelled correctly, and up?"},
		"another tag":           {"v9000", registry.NoTag, false, "edgeman history myapp lists"},
		"a slip":                {"v11", registry.NoTag, false, "did you mean v1?"},
		"a slip, made here":     {"v11", registry.Denied, true, "did you mean v1?"},
		"an app":                {"otherapp", registry.NoTag, false, "otherapp is an app, not an image"},
		"the repository":        {"myapp", registry.NoTag, false, "edgeman swap myapp myapp:TAG"},
		"another platform":      {"v9000", registry.Platform, false, "--platform linux/" + runtime.GOARCH + " -t myapp:v9000"},
		"plain HTTP":            {"r.example/x:v9", registry.Insecure, false, "insecure-registries"},
		"anything else":         {"v9000", registry.Other, false, "docker pull myapp:v9000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("SUDO_USER", "")
			w := newWorld(t)
			w.Adopted()
			if err := errors.Join(w.Paths.MakeApp("otherapp"), w.Paths.WriteApp(func() state.App {
				a := state.DefaultApp("otherapp")
				a.Listeners = []state.Listener{state.PortListener(1)}
				return a
			}())); err != nil {
				t.Fatal(err)
			}
			if row.made {
				w.Images["sha256:v1"] = docker.Image{ID: "sha256:v1"}
			}
			at, _, _ := strings.Cut(row.image, "/")
			w.PullErr = &registry.Error{Registry: at, Kind: row.kind, Err: errors.New(denied)}
			_, err := w.Swap(context.Background(), Options{App: "myapp", Image: row.image})
			if outcome.ExitCode(err) != outcome.ExitFailed || !strings.Contains(hint.Text(err), row.want) || strings.Count(hint.Text(err), "hint: ") != 1 {
				t.Errorf("got %v\nwant %q", err, row.want)
			}
		})
	}
	config := filepath.Join(home, ".docker", "config.json")
	if err := errors.Join(os.MkdirAll(filepath.Dir(config), 0o700), os.WriteFile(config, []byte(`{"auths":{"https://r.example/v2/":{"auth":"c2VjcmV0OnNlY3JldA=="}},"credHelpers":{"h.example":"x"}}`), 0o600)); err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string]bool{"r.example": true, "h.example": true, "docker.io": false} {
		if got := registry.LoggedIn(home, at); got != want {
			t.Errorf("logged in at %s: %v", at, got)
		}
	}
	if hint := loginHint("no-such-registry.example", me.Username); hint != "edgeman pulls with root's login: sudo docker login no-such-registry.example" {
		t.Errorf("%q", hint)
	}
}

// A tag that is here already may be of long ago: what is served again is said,
// and what asks the registry.
func TestSwapToTheSameImageSaysSo(t *testing.T) {
	for name, row := range map[string]struct {
		o    Options
		want string
		not  string
	}{
		"the tag is here":  {Options{Image: "v1"}, "myapp:v1 is the image that release 1 serves already, as it is on this host; --pull always asks the registry for a newer one", ""},
		"asked":            {Options{Image: "v1", Pull: "always"}, "myapp:v1 is the image that release 1 serves already\n", "--pull"},
		"another":          {Options{Image: "v2"}, "", "serves already"},
		"of another name":  {Options{Image: "again"}, "myapp:again is the image that release 1 serves already", ""},
		"another platform": {Options{Image: "far"}, "myapp:far is built for linux/s390x, and this host is linux/" + runtime.GOARCH, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.Adopted()
			w.Images["myapp:again"] = w.Images["myapp:v1"]
			w.Images["myapp:far"] = docker.Image{ID: "sha256:far", Os: "linux", Arch: "s390x"}
			w.Pulled = w.Images["myapp:v1"]
			row.o.App = "myapp"
			result, err := w.Swap(context.Background(), row.o)
			if err != nil {
				t.Fatal(err)
			}
			said := w.Stderr.String()
			if !strings.Contains(said, row.want) || row.not != "" && strings.Contains(said, row.not) {
				t.Errorf("said\n%s\nwant %q, not %q", said, row.want, row.not)
			}
			if same := strings.Contains(result.Summary(), "(the same image)"); same != strings.Contains(row.want, "serves already") || same != result.Same {
				t.Errorf("summary %q, same %v", result.Summary(), result.Same)
			}
		})
	}
}
