package sockets

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"edgeman/sockets/relay"
)

// limit is how long anything in a test may take.
const limit = 60 * time.Second

// waitFor polls until ok, and fails the test if it never is.
func waitFor(t testing.TB, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it never came to that")
		}
	}
}

func listen(t testing.TB) *Listener {
	t.Helper()
	l, err := Listen(filepath.Join(t.TempDir(), "s"), 128)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func dial(t testing.TB, l *Listener) *net.UnixConn {
	t.Helper()
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: l.Path(), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestAccept(t *testing.T) {
	l := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	for range 3 {
		dial(t, l)
		c, err := l.Accept(ctx)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	time.AfterFunc(20*time.Millisecond, cancel)
	if c, err := l.Accept(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("cancelled: got %v, %v", c, err)
	}
	// A context that has ended leaves nothing behind for the next.
	for range 50 {
		ctx, cancel := context.WithCancel(t.Context())
		go cancel()
		if c, err := l.Accept(ctx); !errors.Is(err, context.Canceled) {
			t.Fatalf("cancelled: got %v, %v", c, err)
		}
		dial(t, l)
		c, err := l.Accept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	time.AfterFunc(20*time.Millisecond, func() { l.Close() })
	if _, err := l.Accept(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestPauseResume(t *testing.T) {
	l := listen(t)
	accepted := make(chan *relay.Conn)
	go func() {
		defer close(accepted)
		for {
			c, err := l.Accept(t.Context())
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	for range 3 {
		l.Pause()
		l.Pause()
		time.Sleep(20 * time.Millisecond) // for an Accept that was under way
		dial(t, l)
		dial(t, l)
		waitFor(t, func() bool { n, err := l.Pending(); return err == nil && n == 2 })
		select {
		case <-accepted:
			t.Fatal("accepted while paused")
		case <-time.After(50 * time.Millisecond):
		}
		if err := l.Resume(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			(<-accepted).Close()
		}
	}
	l.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	l.Close()
	for range accepted {
	}
	if _, err := l.Accept(ctx); err == nil {
		t.Error("accepted on a closed listener")
	}
}

func TestBlockingAndBack(t *testing.T) {
	l := listen(t)
	blocks := func() bool {
		flags := 0
		err := l.control("fcntl", func(fd int) (err error) {
			flags, err = unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return flags&unix.O_NONBLOCK == 0
	}
	for _, want := range []bool{true, false} {
		if err := l.SetBlocking(want); err != nil || blocks() != want {
			t.Errorf("blocks %v, want %v; %v", blocks(), want, err)
		}
	}
	if err := l.SetBlocking(true); err != nil {
		t.Fatal(err)
	}
	if err := l.Resume(); err != nil || blocks() {
		t.Errorf("blocks after Resume; %v", err)
	}
}

func TestRelistenAndQueue(t *testing.T) {
	l := listen(t)
	for _, backlog := range []int{5, 100, 1} {
		if err := l.Relisten(backlog); err != nil {
			t.Fatal(err)
		}
		q, err := l.Queue()
		if err != nil || q.Backlog != backlog || q.Waiting != 0 {
			t.Fatalf("listen(%d): queue %+v, %v", backlog, q, err)
		}
	}
	dial(t, l)
	dial(t, l) // one more than the backlog
	s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(s)
	if err := unix.Connect(s, &unix.SockaddrUnix{Name: l.Path()}); err != unix.EAGAIN {
		t.Errorf("connecting to a full queue: %v", err)
	}
	if q, err := l.Queue(); err != nil || q.Waiting != 2 {
		t.Errorf("queue %+v, %v", q, err)
	}
}

func TestAlive(t *testing.T) {
	for name, how := range map[string]int{"read": unix.SHUT_RD, "both": unix.SHUT_RDWR} {
		t.Run(name, func(t *testing.T) {
			l := listen(t)
			if !l.Alive() {
				t.Fatal("dead from the start")
			}
			if err := l.control("shutdown", func(fd int) error { return unix.Shutdown(fd, how) }); err != nil {
				t.Fatal(err)
			}
			if l.Alive() {
				t.Error("alive after shutdown")
			}
			_, err := l.Accept(t.Context())
			if !errors.Is(err, relay.ErrDead) {
				t.Errorf("accepting on a dead listener: %v", err)
			}
			if err := l.Relisten(10); err == nil && l.Alive() {
				t.Error("revived by listen(2): then ErrDead should not be final")
			}
		})
	}
	l := listen(t)
	l.Close()
	if l.Alive() {
		t.Error("alive after Close")
	}
	l = listen(t)
	if err := os.Remove(l.Path()); err != nil {
		t.Fatal(err)
	}
	if l.Alive() {
		t.Error("alive although nobody finds it any more")
	}
}

// TestInherited runs itself again in the way of systemd: the socket is
// descriptor 3, blocking, and named.
func TestInherited(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	ul, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer ul.Close()
	f, err := ul.File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// A shell execs the test, so that LISTEN_PID can be known beforehand.
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", `LISTEN_PID=$$ exec "$0" -test.run='^TestInheritedChild$' -test.v`, os.Args[0])
	cmd.Env = append(os.Environ(), "EDGEMAN_TEST_CHILD=1", "LISTEN_FDS=2", "LISTEN_FDNAMES=slot:slot")
	second, err := named(t, "8072"), error(nil)
	second.control("dup", func(fd int) error {
		fd, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		cmd.ExtraFiles = []*os.File{f, os.NewFile(uintptr(fd), "second")}
		return err
	})
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "PASS: TestInheritedChild") {
		t.Fatalf("%v\n%s", err, out)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the path is systemd's, but it is gone: %v", err)
	}
}

func TestInheritedChild(t *testing.T) {
	if os.Getenv("EDGEMAN_TEST_CHILD") == "" {
		t.Skip("runs as a child of TestInherited")
	}
	if _, err := Inherited("other"); !errors.Is(err, ErrNoListener) {
		t.Errorf("a name that was not passed: %v", err)
	}
	all, err := Inherited("slot")
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 2 || all[1].Name() != "8072" {
		t.Fatalf("got %v", all)
	}
	l := all[0]
	if _, err := Inherited("slot"); !errors.Is(err, ErrNoListener) {
		t.Errorf("taken twice: %v", err)
	}
	c, err := l.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	l.control("fcntl", func(fd int) error {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		if err != nil || flags&unix.O_NONBLOCK == 0 {
			t.Errorf("flags %#x, %v: the socket blocks", flags, err)
		}
		flags, err = unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("flags %#x, %v: children would inherit the socket", flags, err)
		}
		return nil
	})
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func TestPassedFDs(t *testing.T) {
	for name, c := range map[string]struct {
		pid, fds, names string
		want            map[string][]int
	}{
		"nothing":         {"", "", "", map[string][]int{}},
		"another process": {"7", "1", "slot", map[string][]int{}},
		"no number":       {"8", "many", "slot", map[string][]int{}},
		"negative":        {"8", "-1", "slot", map[string][]int{}},
		"two":             {"8", "2", "a:b", map[string][]int{"a": {3}, "b": {4}}},
		"one name":        {"8", "2", "a:a", map[string][]int{"a": {3, 4}}},
		"too few names":   {"8", "2", "a", map[string][]int{"a": {3}}},
		"too many names":  {"8", "1", "a:b", map[string][]int{"a": {3}}},
	} {
		env := map[string]string{"LISTEN_PID": c.pid, "LISTEN_FDS": c.fds, "LISTEN_FDNAMES": c.names}
		got := passedFDs(func(k string) string { return env[k] }, 8, func(int) {})
		if len(got) != len(c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
		for k, v := range c.want {
			if !slices.Equal(got[k], v) {
				t.Errorf("%s: got %v, want %v", name, got, c.want)
			}
		}
	}
}

func TestNewListenerRefuses(t *testing.T) {
	for name, make := range map[string]func() (int, error){
		"a file": func() (int, error) {
			return unix.Open(filepath.Join(t.TempDir(), "file"), unix.O_RDONLY|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
		},
		"a socket that does not listen": func() (int, error) {
			return unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		},
		"a TCP listener": func() (int, error) {
			s, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
			if err != nil {
				return s, err
			}
			return s, unix.Listen(s, 1)
		},
	} {
		fd, err := make()
		if err != nil {
			t.Fatal(err)
		}
		// Which file it is, because its number may be another's at once.
		var before, after unix.Stat_t
		if err := unix.Fstat(fd, &before); err != nil {
			t.Fatal(err)
		}
		if l, err := newListener(fd); err == nil {
			l.Close()
			t.Errorf("%s: accepted", name)
		}
		if err := unix.Fstat(fd, &after); err == nil && after.Dev == before.Dev && after.Ino == before.Ino {
			t.Errorf("%s: still open: not taken over", name)
		}
	}
}
