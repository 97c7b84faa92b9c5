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

	"edgeman/deployer/adoption"
	"edgeman/deployer/compose"
	"edgeman/deployer/declared"
	"edgeman/deployer/docker/adoptable"
	"edgeman/deployer/fake"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/state"
)

// composed is a world whose app was adopted from service web of project app.
type composed struct {
	*world
	model     string // of the service
	templates int
}

func newComposed(t *testing.T) *composed {
	w := &composed{world: newWorld(t), model: `{"image":"myapp:v2"}`}
	w.Adopted()
	file := filepath.Join(t.TempDir(), "compose.yaml")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	inspect := `{"Id":"old","Name":"/app-web-1","State":{},"HostConfig":{},"Config":{"Labels":{"com.docker.compose.project":"app",` +
		`"com.docker.compose.service":"web","com.docker.compose.project.working_dir":"/srv/app","com.docker.compose.project.config_files":"` + file + `"}}}`
	record := adoption.Record{App: "myapp", Image: "app-web", Original: adoption.Original{Container: "app-web-1", ContainerID: "old"}}
	if err := errors.Join(os.MkdirAll(w.Paths.Site("myapp"), 0o700), adoption.Write(w.Paths, record, []json.RawMessage{json.RawMessage(inspect)})); err != nil {
		t.Fatal(err)
	}
	w.Host.Declared = &declared.Host{Docker: fake.Docker{World: w.World}, Compose: func(context.Context) (declared.Compose, error) { return w, nil }}
	w.Declares = adoptable.Declared{Settings: json.RawMessage(`{"version":1}`)}
	return w
}

func (w *composed) Read(_ context.Context, s compose.Service) (compose.Definition, error) {
	return compose.Parse(s, []byte(`{"services":{"web":`+w.model+`}}`))
}

func (w *composed) Template(context.Context, compose.Definition, string) (string, error) {
	w.templates++
	return "app-edgeman-template-1", nil
}

// Without an image a swap deploys what the Compose file says, and nothing if that is
// live. The container that shows it goes again in any case.
func TestSwapOfWhatComposeSays(t *testing.T) {
	w := newComposed(t)
	w.Declares = adoptable.Declared{Settings: json.RawMessage(`{"version":1,"config":{"User":"1"}}`), Differ: []string{"User"}, StopFirst: []string{"writes to the volume app_data at /data"}}
	r, err := w.Swap(t.Context(), Options{App: "myapp", Strategy: "overlap"})
	if err != nil || r.Unchanged {
		t.Fatalf("%+v, %v", r, err)
	}
	got, err := w.Paths.ReadRelease("myapp", 2)
	if err != nil || got.Image != "myapp:v2" || !strings.Contains(string(got.Settings), "User") || !slices.Equal(got.StopFirst, w.Declares.StopFirst) {
		t.Errorf("release %+v, %v", got, err)
	}
	said := w.Stderr.String()
	for _, want := range []string{"service web of the Compose project app in /srv/app says myapp:v2", "unlike release 1, service web of the Compose project app in /srv/app has: User"} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in\n%s", want, said)
		}
	}
	w.Declares.Differ = nil
	if r, err = w.Swap(t.Context(), Options{App: "myapp"}); err != nil || !r.Unchanged || r.Release != 2 {
		t.Errorf("again: %+v, %v", r, err)
	}
	removed := 0
	for _, c := range w.Calls {
		if c == "remove unused app-edgeman-template-1" {
			removed++
		}
	}
	if w.templates != 2 || removed != 2 {
		t.Errorf("%d templates made, %d removed", w.templates, removed)
	}
	if r, err = w.Swap(t.Context(), Options{App: "myapp", Image: "v1", Strategy: "overlap"}); err != nil || w.templates != 2 || !strings.Contains(w.Stderr.String(), "still says myapp:v2, in ") {
		t.Errorf("with an image: %+v, %v, %d templates", r, err, w.templates)
	}
}

// A port that adopt led nginx to cannot be left out of the app file; it may lead to
// another port of the app.
func TestSwapWithoutAPortThatIsUsed(t *testing.T) {
	for ports, refused := range map[string]bool{"8080": false, "8080:9090": false, "9090": true} {
		w := newWorld(t)
		w.Adopted()
		var l state.Listener
		app, err := w.Paths.ReadApp("myapp")
		err = errors.Join(err, l.UnmarshalText([]byte(ports)))
		app.Listeners = []state.Listener{l}
		record := adoption.Record{App: "myapp", Original: adoption.Original{At: []adoption.Served{{Listener: "8080", Target: "127.0.0.1:8080"}}}}
		if err := errors.Join(err, w.Paths.WriteApp(app), os.MkdirAll(w.Paths.Site("myapp"), 0o700), adoption.Write(w.Paths, record, nil)); err != nil {
			t.Fatal(err)
		}
		_, err = w.Swap(t.Context(), Options{App: "myapp", Image: "v2"})
		if (outcome.ExitCode(err) == outcome.ExitRefused) != refused || refused && !strings.Contains(hint.Text(err), "ports is without 8080, and nginx sends what was for 127.0.0.1:8080 to its socket") {
			t.Errorf("ports = [%s]: %v", ports, err)
		}
	}
}

// A service that is only built has the original's image.
func TestSwapOfWhatComposeBuilds(t *testing.T) {
	w := newComposed(t)
	w.model = `{"build":{"context":"."}}`
	w.Images["app-web:latest"] = w.Images["myapp:v2"]
	if r, err := w.Swap(t.Context(), Options{App: "myapp"}); err != nil || r.Image != "app-web:latest" {
		t.Errorf("%+v, %v", r, err)
	}
}

// What the file says and edgeman cannot carry is refused before anything changes;
// where there is no file to read, the live release's reference is what counts.
func TestSwapOfWhatComposeSaysIsRefused(t *testing.T) {
	for name, row := range map[string]struct {
		change func(w *composed)
		code   int
		want   string
	}{
		"another's network": {func(w *composed) { w.model = `{"image":"myapp:v2","network_mode":"service:vpn"}` }, outcome.ExitRefused, "network_mode in "},
		"no such service":   {func(w *composed) { w.model = `null` }, outcome.ExitRefused, "have no service web any more"},
		"unnamed volume":    {func(w *composed) { w.Declares.Unnamed = []string{"/data"} }, outcome.ExitRefused, "a new volume without a name at /data"},
		"version 1": {func(w *composed) {
			w.Host.Declared.Compose = func(context.Context) (declared.Compose, error) { return nil, compose.ErrNone }
		}, outcome.ExitDone, "no docker compose of version 2 or newer; the live release's reference is what is deployed"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newComposed(t)
			row.change(w)
			_, err := w.Swap(t.Context(), Options{App: "myapp"})
			said := w.Stderr.String()
			if err != nil {
				said += hint.Text(err)
			}
			if outcome.ExitCode(err) != row.code || !strings.Contains(said, row.want) {
				t.Errorf("exit code %d, want %q in\n%s", outcome.ExitCode(err), row.want, said)
			}
			if _, release := w.LiveSlot(); err != nil && release != 1 {
				t.Errorf("release %d serves", release)
			}
		})
	}
}
