package serve

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"edgeman/deployer/docker"
)

// logsOf is an engine that has these lines to say.
type logsOf struct {
	*fakeEngine
	lines []string
	asked []time.Time
}

func (l *logsOf) Logs(_ context.Context, _ string, since time.Time, _ bool, stdout, stderr io.Writer) error {
	l.asked = append(l.asked, since)
	for i, line := range l.lines {
		to := stdout
		if i%2 == 1 {
			to = stderr
		}
		at, err := time.Parse(time.RFC3339Nano, line[:stampWidth])
		if err == nil && at.Before(since) {
			continue
		}
		if _, err := io.WriteString(to, line); err != nil {
			return err
		}
	}
	return nil
}

func TestOutputIsCopiedOnce(t *testing.T) {
	stamp := func(n int) string { return fmt.Sprintf("2026-11-23T04:00:00.%09dZ ", n) }
	e := &logsOf{fakeEngine: newFakeEngine(), lines: []string{
		stamp(1) + "one\n", stamp(2) + "two\n", stamp(3) + "three\n", stamp(4) + "<3>four\n",
	}}
	c := docker.Container{ID: strings.Repeat("a", 64), Name: "myapp-blue-1"}
	e.containers[c.ID] = &fakeContainer{Container: c}
	path := filepath.Join(t.TempDir(), "position")
	copyTo := func(stdout, stderr io.Writer) {
		t.Helper()
		o, err := openOutput(path, stdout, stderr, t.Logf)
		if err != nil {
			t.Fatal(err)
		}
		defer o.position.Close()
		o.follow(t.Context(), e, c)
	}
	var out, errs bytes.Buffer
	copyTo(&out, &errs)
	if out.String() != "one\nthree\n" || errs.String() != "two\n<3>four\n" {
		t.Errorf("stdout %q, stderr %q", out.String(), errs.String())
	}
	e.lines = append(e.lines, stamp(5)+"five, without an end")
	out.Reset()
	errs.Reset()
	copyTo(&out, &errs) // another process
	if out.String() != "five, without an end\n" || errs.String() != "" {
		t.Errorf("second time: stdout %q, stderr %q", out.String(), errs.String())
	}
	e.lines = nil
	c.ID = strings.Repeat("b", 64)
	c.Started = time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC)
	e.containers[c.ID] = &fakeContainer{Container: c}
	copyTo(&out, &errs)
	if last := e.asked[len(e.asked)-1]; !last.Equal(c.Started.Add(-startSlack)) {
		t.Errorf("another container's output from %s on, want from its start", last)
	}
}

func TestLongLineIsCopiedWhole(t *testing.T) {
	o, err := openOutput(filepath.Join(t.TempDir(), "p"), io.Discard, io.Discard, t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	l := &lines{to: &out, o: o, id: "x"}
	stamp := "2026-11-23T04:00:00.000000001Z "
	// Beyond maxLine it is written in pieces, none of which begins with a time,
	// even if it looks like one.
	text := strings.Repeat("0123456789012345678901234567890 ", maxLine/16)
	for _, piece := range []string{stamp + text[:100], text[100:], "\n", stamp + "next\n"} {
		if _, err := io.WriteString(l, piece); err != nil {
			t.Fatal(err)
		}
	}
	if want := text + "\nnext\n"; out.String() != want {
		t.Errorf("copied %d bytes, want %d", out.Len(), len(want))
	}
}
