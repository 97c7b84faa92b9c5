package run

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"edgeman/deployer/docker"
)

// logsOf is an engine that has these lines to say.
type logsOf struct {
	Engine
	lines []string
	asked []time.Time
}

// Inspect: the container has ended.
func (l *logsOf) Inspect(context.Context, string) (docker.Container, error) {
	return docker.Container{}, nil
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
	e := &logsOf{lines: []string{
		stamp(1) + "one\n", stamp(2) + "two\n", stamp(3) + "three\n", stamp(4) + "<3>four\n",
	}}
	c := docker.Container{ID: strings.Repeat("a", 64), Name: "myapp-blue-1"}
	path := filepath.Join(t.TempDir(), "position")
	copyTo := func(stdout, stderr io.Writer) {
		t.Helper()
		o, err := OpenOutput(path, stdout, stderr, t.Logf)
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
	copyTo(&out, &errs)
	if last := e.asked[len(e.asked)-1]; !last.Equal(c.Started.Add(-startSlack)) {
		t.Errorf("another container's output from %s on, want from its start", last)
	}
}

func TestLongLineIsCopiedWhole(t *testing.T) {
	o, err := OpenOutput(filepath.Join(t.TempDir(), "p"), io.Discard, io.Discard, t.Logf)
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

// Containers that run side by side are told apart, and each has a place of its
// own in the file.
func TestOutputOfSeveralContainers(t *testing.T) {
	stamp := "2026-11-23T04:00:00.000000007Z "
	path := filepath.Join(t.TempDir(), "position")
	copied := func() string {
		t.Helper()
		var out bytes.Buffer
		all, err := OpenOutput(path, &out, &out, t.Logf)
		if err != nil {
			t.Fatal(err)
		}
		defer all.position.Close()
		for i := range 3 {
			c := docker.Container{ID: strings.Repeat(fmt.Sprint(i), 64), Name: fmt.Sprintf("myapp-blue-1-%d", i+1)}
			e := &logsOf{lines: []string{stamp + "hello\n"}}
			all.of(i, 3).follow(t.Context(), e, c)
		}
		return out.String()
	}
	if got, want := copied(), "[1] hello\n[2] hello\n[3] hello\n"; got != want {
		t.Errorf("copied %q, want %q", got, want)
	}
	if got := copied(); got != "" {
		t.Errorf("copied again: %q", got)
	}
}

// numbered passes text through lines of the second of three containers, cut into
// pieces of a size, and checks that each line comes out once, whole, and with
// its number.
func numbered(t *testing.T, text []byte, size int) {
	t.Helper()
	const stamp = "2026-11-23T04:00:00.000000007Z "
	var stamped, want, out bytes.Buffer
	for line := range bytes.Lines(text) {
		fmt.Fprintf(&stamped, "%s%s", stamp, line)
		fmt.Fprintf(&want, "[2] %s", line)
	}
	if len(text) > 0 && text[len(text)-1] != '\n' {
		want.WriteByte('\n')
	}
	all, err := OpenOutput(filepath.Join(t.TempDir(), "p"), &out, &out, t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	defer all.position.Close()
	l := &lines{to: &out, o: all.of(1, 3), id: strings.Repeat("a", 64)}
	for piece := range slices.Chunk(stamped.Bytes(), size) {
		if _, err := l.Write(piece); err != nil {
			t.Fatal(err)
		}
	}
	l.end()
	if !bytes.Equal(out.Bytes(), want.Bytes()) {
		t.Errorf("got %.200q (%d bytes), want %.200q (%d bytes)", out.Bytes(), out.Len(), want.Bytes(), want.Len())
	}
}

func TestLinesThatAreVeryLong(t *testing.T) {
	for _, n := range []int{
		maxLine - stampWidth - 2,
		maxLine - stampWidth - 1, // ends where it is cut
		maxLine + 7, 3 * maxLine,
	} {
		numbered(t, bytes.Repeat([]byte("x"), n), 4096)
		numbered(t, append(bytes.Repeat([]byte("x"), n), "\nnext\n"...), 4096)
	}
}

// However Docker's answer is cut into pieces.
func FuzzLines(f *testing.F) {
	f.Add([]byte("one\ntwo\n\nthree"), uint8(3))
	f.Add([]byte("2026-11-23T04:00:00.000000007Z [2] four\n"), uint8(200))
	f.Fuzz(func(t *testing.T, text []byte, size uint8) { numbered(t, text, int(size)+1) })
}
