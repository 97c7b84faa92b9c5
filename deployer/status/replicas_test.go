package status

import (
	"bytes"
	"testing"
	"time"

	"edgeman/deployer/fake"
	"edgeman/deployer/state"
	"edgeman/sockets"
	"edgeman/sockets/systemd"
)

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
	fake.Golden(t, "status-replicas.txt", out.Bytes())
	if r := a.Slots[0].Replicas; len(r) != 3 || r[0].Connections != 7 || r[1].State != "waiting" {
		t.Errorf("replicas %+v", r)
	}
}
