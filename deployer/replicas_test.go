package deployer

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"edgeman/deployer/hint"
	"edgeman/deployer/state"
	"edgeman/sockets"
	"edgeman/sockets/systemd"
)

// wantReplicas changes the app file.
func (w *world) wantReplicas(n int, settings string) {
	w.t.Helper()
	app, err := w.Paths.ReadApp("myapp")
	if err != nil {
		w.t.Fatal(err)
	}
	app.Replicas = n
	if err := w.Paths.WriteApp(app); err != nil {
		w.t.Fatal(err)
	}
	r, err := w.Paths.ReadRelease("myapp", 1)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Settings = json.RawMessage(settings)
	if err := w.Paths.RemoveRelease("myapp", 1); err != nil {
		w.t.Fatal(err)
	}
	if err := w.Paths.WriteRelease(&r); err != nil || r.Number != 1 {
		w.t.Fatal(r.Number, err)
	}
}

func TestSwapRecordsReplicas(t *testing.T) {
	w := newWorld(t)
	w.adopted()
	w.wantReplicas(3, `{"version":1}`)
	if _, err := w.Swap(context.Background(), SwapOptions{App: "myapp", Image: "v2"}); err != nil {
		t.Fatal(err)
	}
	if r, err := w.Paths.ReadRelease("myapp", 2); err != nil || r.Count() != 3 {
		t.Errorf("release %+v, %v; want 3 replicas", r, err)
	}
	if !strings.Contains(w.err.String(), "replicas 1 → 3") {
		t.Errorf("the change is not said:\n%s", &w.err)
	}
}

func TestSwapRefusesReplicasOfWhatCanBeOnce(t *testing.T) {
	for settings, want := range map[string]string{
		`{"version":1,"host_config":{"NetworkMode":"host"}}`:                              "uses the host's network",
		`{"version":1,"host_config":{"PortBindings":{"9000/tcp":[{"HostPort":"9000"}]}}}`: "publishes *:9000 (9000/tcp)",
	} {
		w := newWorld(t)
		w.adopted()
		w.wantReplicas(2, settings)
		before := len(w.calls)
		_, err := w.Swap(context.Background(), SwapOptions{App: "myapp", Image: "v2"})
		if ExitCode(err) != ExitRefused || !strings.Contains(hint.Text(err), want) || !strings.Contains(hint.Text(err), "hint: ") {
			t.Errorf("exit code %d, %v; want a refusal with %q", ExitCode(err), err, want)
		}
		if len(w.calls) != before {
			t.Errorf("a refused swap touched %v", w.calls[before:])
		}
	}
}

// A slot is not what was asked for before all of its replicas are.
func TestAwaitHealthyWaitsForAllReplicas(t *testing.T) {
	w := newWorld(t)
	slot := sockets.Slot{App: "myapp", Color: sockets.Blue}
	st := state.SlotStatus{Phase: state.PhaseHealthy, Release: 4, Container: "myapp-blue-4-1", Replicas: []state.Replica{
		{Container: "myapp-blue-4-1", Phase: state.PhaseHealthy}, {Container: "myapp-blue-4-2", Phase: state.PhaseStarting},
	}}
	if err := w.Paths.WriteSlotStatus(slot, st); err != nil {
		t.Fatal(err)
	}
	if err := w.awaitHealthy(context.Background(), slot, 4, 100*time.Millisecond); err == nil {
		t.Error("one of two was enough")
	}
	if got := w.ailing(slot, state.Release{App: "myapp", Number: 4, Replicas: 2}); got != "myapp-blue-4-2" {
		t.Errorf("the one to look at is %s", got)
	}
	st.Replicas[1].Phase = state.PhaseHealthy
	if err := w.Paths.WriteSlotStatus(slot, st); err != nil {
		t.Fatal(err)
	}
	if err := w.awaitHealthy(context.Background(), slot, 4, time.Second); err != nil {
		t.Error(err)
	}
}

func TestStatusShowsReplicas(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	look := slotLook{
		slot: sockets.Slot{App: "myapp", Color: sockets.Blue}, filled: true, asked: true, spoke: true, live: true,
		release: state.Release{App: "myapp", Number: 4, Image: "myapp:v2", Replicas: 3},
		service: systemd.Unit{Active: "active"},
		status: state.SlotStatus{
			Phase: state.PhaseHealthy, Release: 4, Image: "myapp:v2", Since: now.Add(-time.Minute), Exits: 2, ExitCode: 137,
			Replicas: []state.Replica{
				{Container: "myapp-blue-4-1", Phase: state.PhaseHealthy, Open: 7, Served: 100},
				{Container: "myapp-blue-4-2", Phase: state.PhaseWaiting, Exits: 2, ExitCode: 137, Message: "container ended by itself with exit code 137"},
				{Container: "myapp-blue-4-3", Phase: state.PhaseHealthy, Open: 6, Served: 99},
			},
		},
	}
	a := AppStatus{Name: "myapp", Live: "blue", Slots: []SlotReport{look.report()}}
	a.findProblems(true, "")
	var out bytes.Buffer
	if err := (Status{Apps: []AppStatus{a}}).Print(&out, now, false); err != nil {
		t.Fatal(err)
	}
	if err := a.PrintDetails(&out, now); err != nil {
		t.Fatal(err)
	}
	golden(t, "status-replicas.txt", out.Bytes())
	if r := a.Slots[0].Replicas; len(r) != 3 || r[0].Connections != 7 || r[1].State != "waiting" {
		t.Errorf("replicas %+v", r)
	}
}
