package status

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"edgeman/deployer/fake"
	"edgeman/deployer/outcome"
	"edgeman/deployer/state"
)

// The golden files show local times. Later than this a timer may read it.
func init() { time.Local = time.UTC }

func TestHistoryPrint(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2026, 11, 23, 3, minute, 0, 0, time.UTC) }
	hist := History{App: "myapp", Live: 2, Kept: []int{1, 2}, Events: []state.Event{
		{Time: at(0), Operation: "adopt", Release: 1, Image: "myapp:v1", By: "anna", Seconds: 3.14, Outcome: state.Done},
		{Time: at(5), Operation: "swap", Release: 2, From: 1, Image: "myapp:v2", Digest: "sha256:0123456789abcdef0123", By: "anna", Seconds: 5.6, Outcome: state.Done, Ended: state.Ended{Cut: 2}},
		{Time: at(9), Operation: "swap", Release: 3, From: 2, Image: "myapp:v3", By: "ci", Seconds: 60.02, Outcome: state.Failed, Note: "release 3 did not become healthy within 1m"},
		{Time: at(20), Operation: "drain", Release: 1, Image: "myapp:v1", By: "edgeman serve", Outcome: state.Done, Note: "cut at the drain deadline", Ended: state.Ended{Cut: 3, CutKinds: state.Kinds{Websockets: 1, Requests: 2}, WebsocketsClosed: 9}},
	}}
	var out bytes.Buffer
	if err := hist.Print(&out); err != nil {
		t.Fatal(err)
	}
	fake.Golden(t, "history.txt", out.Bytes())
}

func TestHistoryReads(t *testing.T) {
	h := statusHost(t)
	for i := range 5 {
		if err := h.Paths.Record("myapp", state.Event{Operation: "swap", Release: i + 1}); err != nil {
			t.Fatal(err)
		}
	}
	hist, err := h.History(t.Context(), "myapp", 2)
	if err != nil {
		t.Fatal(err)
	}
	if hist.Live != 2 || !slices.Equal(hist.Kept, []int{1, 2}) || len(hist.Events) != 2 || hist.Events[1].Release != 5 {
		t.Errorf("history is %+v", hist)
	}
	if _, err := h.History(t.Context(), "other", 0); outcome.ExitCode(err) != outcome.ExitRefused {
		t.Errorf("error for an unknown app: %v", err)
	}
}

func TestLogsCommand(t *testing.T) {
	h := statusHost(t)
	got, err := h.LogsCommand(LogsOptions{App: "myapp", Follow: true, Lines: 50})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"journalctl", "--no-pager", "--lines=50", "--output=short-iso", "--follow",
		"--unit=edgeman@myapp:blue.service", "--unit=edgeman@myapp:blue.socket",
		"--unit=edgeman@myapp:green.service", "--unit=edgeman@myapp:green.socket",
	}
	if !slices.Equal(got, want) {
		t.Errorf("command is %q, want %q", got, want)
	}
	for _, name := range []string{"other", "*", "../x", ""} {
		if _, err := h.LogsCommand(LogsOptions{App: name}); err == nil {
			t.Errorf("app %q was accepted", name)
		}
	}
}
