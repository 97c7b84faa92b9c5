package state

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A history stays bounded, keeps its newest events, and never loses half a line.
func TestHistoryIsBounded(t *testing.T) {
	p := Paths{Var: t.TempDir()}
	if err := os.MkdirAll(p.App("myapp"), 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(p.App("myapp"), "history.jsonl")
	note := strings.Repeat("x", 2000)
	for i := 1; i <= 300; i++ {
		if err := p.Record("myapp", Event{Release: i, Outcome: Done, Note: note}); err != nil {
			t.Fatal(err)
		}
		if st, err := os.Stat(path); err != nil || st.Size() > historyMost {
			t.Fatalf("after %d events: %v, %v", i, st, err)
		}
	}
	events, err := p.History("myapp")
	if err != nil || len(events) < 50 {
		t.Fatalf("%d events, %v", len(events), err)
	}
	for i, e := range events {
		if want := 300 - len(events) + 1 + i; e.Release != want {
			t.Fatalf("event %d is of release %d, want %d", i, e.Release, want)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil || len(data) == 0 || data[0] != '{' {
		t.Errorf("it begins with %.20q, %v", data, err)
	}
}

// An event that a slot's service records while a command shortens the history is
// not lost with the older half: one of the two waits for the other.
func TestRecordWaitsForItsTurn(t *testing.T) {
	p := Paths{Var: t.TempDir()}
	if err := os.MkdirAll(p.App("myapp"), 0o700); err != nil {
		t.Fatal(err)
	}
	recorded := make(chan error, 1)
	err := p.WithState(t.Context(), "myapp", func() error {
		go func() { recorded <- p.Record("myapp", Event{Operation: "drain"}) }()
		time.Sleep(3 * lockPoll)
		if events, err := p.History("myapp"); err != nil || len(events) > 0 {
			t.Errorf("in the middle of another's change: %v, %v", events, err)
		}
		return nil
	})
	if err := errors.Join(err, <-recorded); err != nil {
		t.Fatal(err)
	}
	if events, err := p.History("myapp"); err != nil || len(events) != 1 {
		t.Errorf("%v, %v", events, err)
	}
}
