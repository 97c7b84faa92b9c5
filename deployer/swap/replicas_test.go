package swap

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
)

// wantReplicas changes the app file.
func (w *world) wantReplicas(n int, settings string) {
	w.T.Helper()
	app, err := w.Paths.ReadApp("myapp")
	if err != nil {
		w.T.Fatal(err)
	}
	app.Replicas = n
	if err := w.Paths.WriteApp(app); err != nil {
		w.T.Fatal(err)
	}
	r, err := w.Paths.ReadRelease("myapp", 1)
	if err != nil {
		w.T.Fatal(err)
	}
	r.Settings = json.RawMessage(settings)
	if err := w.Paths.RemoveRelease("myapp", 1); err != nil {
		w.T.Fatal(err)
	}
	if err := w.Paths.WriteRelease(&r); err != nil || r.Number != 1 {
		w.T.Fatal(r.Number, err)
	}
}

func TestSwapRecordsReplicas(t *testing.T) {
	w := newWorld(t)
	w.Adopted()
	w.wantReplicas(3, `{"version":1}`)
	if _, err := w.Swap(context.Background(), Options{App: "myapp", Image: "v2"}); err != nil {
		t.Fatal(err)
	}
	if r, err := w.Paths.ReadRelease("myapp", 2); err != nil || r.Count() != 3 {
		t.Errorf("release %+v, %v; want 3 replicas", r, err)
	}
	if !strings.Contains(w.Stderr.String(), "replicas 1 → 3") {
		t.Errorf("the change is not said:\n%s", &w.Stderr)
	}
}

func TestSwapRefusesReplicasOfWhatCanBeOnce(t *testing.T) {
	for settings, want := range map[string]string{
		`{"version":1,"host_config":{"NetworkMode":"host"}}`:                              "uses the host's network",
		`{"version":1,"host_config":{"PortBindings":{"9000/tcp":[{"HostPort":"9000"}]}}}`: "publishes *:9000 (9000/tcp)",
	} {
		w := newWorld(t)
		w.Adopted()
		w.wantReplicas(2, settings)
		before := len(w.Calls)
		_, err := w.Swap(context.Background(), Options{App: "myapp", Image: "v2"})
		if outcome.ExitCode(err) != outcome.ExitRefused || !strings.Contains(hint.Text(err), want) || !strings.Contains(hint.Text(err), "hint: ") {
			t.Errorf("exit code %d, %v; want a refusal with %q", outcome.ExitCode(err), err, want)
		}
		if len(w.Calls) != before {
			t.Errorf("a refused swap touched %v", w.Calls[before:])
		}
	}
}
