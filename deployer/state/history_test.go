package state

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
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
