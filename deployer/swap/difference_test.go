package swap

import (
	"context"
	"slices"
	"strings"
	"testing"

	"edgeman/deployer/state"
)

func TestDifferences(t *testing.T) {
	a := state.Release{Mode: "proxy", Via: "netns", Listeners: []state.Listener{state.PortListener(8080)}, Env: []string{"A=1", "B=2", "C=3"}, Image: "x:1"}
	if d := differences(a, a); len(d) > 0 {
		t.Errorf("the same differs: %q", d)
	}
	b := a
	b.Image, b.Mode, b.Listeners, b.Health, b.Replicas = "x:2", "native", []state.Listener{{Name: "8080", Port: 9090}}, "/up", 3
	b.Env, b.Command = []string{"A=1", "B=secret", "D=4"}, []string{"--password", "secret"}
	want := []string{"mode proxy → native", "ports [8080] → [8080:9090]", "health - → /up", "replicas 1 → 3", "command changed", "env B +D -C"}
	if d := differences(a, b); !slices.Equal(d, want) {
		t.Errorf("got %q, want %q", d, want)
	}
}

// What was changed in the app file takes effect with the next swap, which says
// so; a restart runs the release as it was recorded, and says that.
func TestSettingsAreTakenAtTheNextSwap(t *testing.T) {
	w := newWorld(t)
	w.Adopted()
	app, err := w.Paths.ReadApp("myapp")
	if err != nil {
		t.Fatal(err)
	}
	app.Env, app.Health = []string{"TOKEN=secret"}, "/health"
	if err := w.Paths.WriteApp(app); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Restart(context.Background(), Options{App: "myapp"}); err != nil {
		t.Fatal(err)
	}
	said := w.Stderr.String()
	if want := "note: release 1 runs as it was recorded; the app file differs: proxy.via - → netns; health - → /health; env +TOKEN\nhint: edgeman swap myapp myapp:v1 applies it\n"; !strings.Contains(said, want) {
		t.Errorf("restart says\n%s\nwant\n%s", said, want)
	}
	w.Stderr.Reset()
	if _, err := w.Swap(context.Background(), Options{App: "myapp", Image: "v2"}); err != nil {
		t.Fatal(err)
	}
	if want := "settings unlike release 1: proxy.via - → netns; health - → /health; env +TOKEN\n"; !strings.Contains(w.Stderr.String(), want) {
		t.Errorf("swap says\n%s\nwant\n%s", &w.Stderr, want)
	}
	if strings.Contains(said+w.Stderr.String(), "secret") {
		t.Error("a secret was told")
	}
	_, number := w.LiveSlot()
	r, err := w.Paths.ReadRelease("myapp", number)
	if err != nil || !slices.Equal(r.Env, []string{"TOKEN=secret"}) || r.Health != "/health" {
		t.Errorf("release %+v, %v", r, err)
	}
}
