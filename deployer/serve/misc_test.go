package serve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/state"
	"edgeman/sockets"
)

func TestHTTPProbe(t *testing.T) {
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "myapp" || r.Method != "GET" {
			http.Error(w, "who?", http.StatusBadRequest)
			return
		}
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		case "/sick":
			http.Error(w, "sick", http.StatusServiceUnavailable)
		case "/hangs":
			<-release
		}
	}))
	defer srv.Close()
	defer close(release)
	tests := []struct {
		path, answer string
		ok           bool
	}{
		{"/", "GET /: 200 OK", true},
		{"/redirect", "GET /redirect: 302 Found", true},
		{"/sick", "GET /sick: 503 Service Unavailable", false},
		{"/hangs", "GET /hangs: no answer within 5s", false},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			if tt.path == "/hangs" {
				cancel()
				ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
			}
			defer cancel()
			answer, ok := httpProbe("myapp", tt.path, func(ctx context.Context) (net.Conn, error) {
				return net.Dial("tcp", srv.Listener.Addr().String())
			})(ctx)
			if answer != tt.answer || ok != tt.ok {
				t.Errorf("got %q, %v; want %q, %v", answer, ok, tt.answer, tt.ok)
			}
		})
	}
}

func TestHTTPProbeOfSomethingElse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, "SSH-2.0-OpenSSH\r\n")
			c.Close()
		}
	}()
	answer, ok := httpProbe("myapp", "/", func(context.Context) (net.Conn, error) {
		return net.Dial("tcp", l.Addr().String())
	})(t.Context())
	if ok || !strings.HasPrefix(answer, "GET /: ") {
		t.Errorf("got %q, %v", answer, ok)
	}
}

func TestRole(t *testing.T) {
	blue := sockets.Slot{App: "myapp", Color: sockets.Blue}
	green := blue.Other()
	tests := []struct {
		name string
		live *sockets.Slot
		hold *sockets.Slot // the lock is held and names it
		last role
		want role
	}{
		{"live", &blue, nil, live, live},
		{"live although a command fills it", &blue, &blue, candidate, live},
		{"candidate", &green, &blue, retired, candidate},
		{"candidate of an adoption", nil, &blue, retired, candidate},
		{"a command works on the other", &green, &green, live, retired},
		{"a command names none", &green, &sockets.Slot{}, candidate, retired},
		{"nobody wants it", &green, nil, live, retired},
		{"no pointer, no command", nil, nil, retired, retired},
		{"its command has just ended", &green, nil, candidate, candidate},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			paths := state.Paths{Etc: dir + "/etc", Var: dir + "/var", Run: dir + "/run"}
			if err := paths.MakeApp("myapp"); err != nil {
				t.Fatal(err)
			}
			if tt.live != nil {
				if err := sockets.SwitchLive(paths.Live("myapp"), paths.Run, *tt.live); err != nil {
					t.Fatal(err)
				}
			}
			if tt.hold != nil {
				lock, err := paths.TakeLock(t.Context(), "myapp", "swap", 0)
				if err != nil {
					t.Fatal(err)
				}
				defer lock.Unlock()
				if err := lock.Candidate(*tt.hold); err != nil {
					t.Fatal(err)
				}
			}
			j := newJudge(paths, blue)
			j.last = tt.last
			if got, err := j.role(time.Now()); got != tt.want || err != nil {
				t.Errorf("got %s, %v; want %s", got, err, tt.want)
			}
		})
	}
}

func TestRoleStaysWhenItCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	paths := state.Paths{Etc: dir + "/etc", Var: dir + "/var", Run: dir + "/run"}
	if err := paths.MakeApp("myapp"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/somewhere/else", paths.Live("myapp")); err != nil {
		t.Fatal(err)
	}
	j := newJudge(paths, sockets.Slot{App: "myapp", Color: sockets.Blue})
	j.last = live
	if got, err := j.role(time.Now()); got != live || err == nil {
		t.Errorf("got %s, %v; want live and an error", got, err)
	}
}

func TestWatch(t *testing.T) {
	dir := t.TempDir()
	paths := state.Paths{Etc: dir + "/etc", Var: dir + "/var", Run: dir + "/run"}
	slot := sockets.Slot{App: "myapp", Color: sockets.Blue}
	if err := paths.MakeApp("myapp"); err != nil {
		t.Fatal(err)
	}
	changes := make(chan struct{}, 1)
	w, err := watch(paths, slot, changes)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	settle := func() {
		for {
			select {
			case <-changes:
			case <-time.After(100 * time.Millisecond):
				return
			}
		}
	}
	lock, err := paths.TakeLock(t.Context(), "myapp", "swap", 0)
	if err != nil {
		t.Fatal(err)
	}
	wakes := []struct {
		name string
		do   func() error
	}{
		{"switch", func() error { return sockets.SwitchLive(paths.Live("myapp"), paths.Run, slot) }},
		{"candidate", func() error { return lock.Candidate(slot) }},
		{"fill", func() error { return paths.FillSlot(slot, 1) }},
		{"next", func() error { return paths.SetNext(slot, 1) }},
		{"promote", func() error { return paths.PromoteNext(slot) }},
		{"pause", func() error { return paths.SetPause(slot, state.Pause{Until: time.Now()}) }},
		{"resume", func() error { return paths.ClearPause(slot) }},
		{"drain", func() error { return paths.SetDrain(slot, state.Drain{}) }},
		{"the command ends", func() error { lock.Unlock(); return nil }},
		{"empty", func() error { return paths.EmptySlot(slot) }},
	}
	for _, tt := range wakes {
		settle()
		if err := tt.do(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-changes:
		case <-time.After(10 * time.Second):
			t.Errorf("%s: not noticed", tt.name)
		}
	}
	settle()
	quiet := []func() error{
		func() error { _, _, err := paths.LockHolder("myapp"); return err }, // its own question
		func() error { return paths.WriteSlotStatus(slot, state.SlotStatus{}) },
		func() error { return paths.FillSlot(slot.Other(), 1) },
		func() error { return paths.Record("myapp", state.Event{}) },
	}
	for i, do := range quiet {
		if err := do(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-changes:
			t.Errorf("woken by harmless change %d", i)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

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

func TestProgramPages(t *testing.T) {
	maps := "00400000-0083f000 r-xp 00000000 fe:01 1234   /usr/local/bin/edgeman\n" +
		"0083f000-00d1c000 r--p 0043f000 fe:01 1234   /usr/local/bin/edgeman\n" +
		"00d1c000-00d78000 rw-p 0091c000 fe:01 1234   /usr/local/bin/edgeman\n" +
		"00d78000-00dbf000 rw-p 00000000 00:00 0 \n" +
		"7f0000000000-7f0000001000 r--p 00000000 fe:01 99 /usr/lib/other\n"
	got := programPages([]byte(maps), "/usr/local/bin/edgeman")
	want := []pages{{0x400000, 0x83f000}, {0x83f000, 0xd1c000}}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %x, want %x", got, want)
	}
}

func TestGiveBackHarmsNothing(t *testing.T) {
	giveBack()
	if s := fmt.Sprint(strings.Repeat("x", 3), errors.New("y")); s != "xxxy" && s != "xxx y" {
		t.Error(s)
	}
}

func TestSpeakerDoesNotRepeatItself(t *testing.T) {
	var out bytes.Buffer
	say := speaker(&out)
	for range 5 {
		say("docker is away\nhint: look")
	}
	say("docker is back")
	if want := "edgeman: docker is away; hint: look\nedgeman: docker is back\n"; out.String() != want {
		t.Errorf("got %q", out.String())
	}
}
