package sockets

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// buildInit builds the program of the other side.
func buildInit(t testing.TB) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "edgeman-init")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", bin, "edgeman/cmd/edgeman-init")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}

func openHandoff(t testing.TB, l ...*Listener) (h *Handoff, socket string) {
	t.Helper()
	parent := filepath.Join(t.TempDir(), "handoff")
	dir := filepath.Join(parent, "myapp:blue")
	h, err := OpenHandoff(dir, l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h, filepath.Join(dir, HandoffSocket)
}

func anybody(Peer) error { return nil }

// The program finds the listeners as descriptors from 3 on, in their order,
// nothing beside them, and itself under the announced pid.
func TestHandoff(t *testing.T) {
	t.Run("one", func(t *testing.T) { testHandoff(t, named(t, "8080")) })
	t.Run("several", func(t *testing.T) { testHandoff(t, named(t, "8072"), named(t, "8069"), named(t, "22")) })
}

func named(t *testing.T, name string) *Listener {
	t.Helper()
	l, err := Listen(SocketPath(t.TempDir(), name), 128)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func testHandoff(t *testing.T, l ...*Listener) {
	init := buildInit(t)
	h, socket := openHandoff(t, l...)
	var names, want []string
	for _, one := range l {
		names = append(names, one.Name())
		one.control("fstat", func(fd int) error {
			var st unix.Stat_t
			err := unix.Fstat(fd, &st)
			want = append(want, fmt.Sprintf("%d socket:[%d]", 3+len(want), st.Ino))
			return err
		})
	}
	script := `echo "$LISTEN_FDS $LISTEN_FDNAMES $(( LISTEN_PID == $$ )) $KEPT [$1]"; exec ls -l /proc/$$/fd`
	for range 2 { // a container that is started again
		cmd := exec.CommandContext(t.Context(), init, socket, "sh", "-c", script, "sh", "with a space")
		cmd.Env = []string{"PATH=/nonexistent:" + os.Getenv("PATH"), "LISTEN_FDS=7", "LISTEN_PID=1", "KEPT=kept"}
		cmd.Stdin = nil
		out := make(chan string, 1)
		go func() {
			b, err := cmd.CombinedOutput()
			if err != nil {
				b = append(b, err.Error()...)
			}
			out <- string(b)
		}()
		peer, err := h.Next(t.Context(), anybody, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := <-out
		if peer.PID != cmd.Process.Pid || peer.UID != uint32(os.Getuid()) {
			t.Errorf("peer %+v, the process was %d", peer, cmd.Process.Pid)
		}
		lines := strings.Split(strings.TrimSpace(got), "\n")
		if lines[0] != fmt.Sprintf("%d %s 1 kept [with a space]", len(l), strings.Join(names, ":")) {
			t.Errorf("got %q", got)
		}
		var fds []string
		for _, line := range lines[1:] {
			// "... 3 -> socket:[1]"; /proc/... is the directory that ls reads, and what
			// is above came from whoever started the test.
			f := strings.Fields(line)
			if len(f) < 3 || f[len(f)-2] != "->" || len(f[len(f)-3]) != 1 || f[len(f)-3] < "3" || strings.HasPrefix(f[len(f)-1], "/proc/") {
				continue
			}
			fds = append(fds, f[len(f)-3]+" "+f[len(f)-1])
		}
		if !slices.Equal(fds, want) {
			t.Errorf("descriptors beside the standard ones: %q, want %q:\n%s", fds, want, got)
		}
	}
	for _, one := range l {
		one.control("fcntl", func(fd int) error {
			if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK == 0 {
				t.Errorf("the listener was made blocking: %#x, %v", flags, err)
			}
			return nil
		})
	}
}

func TestHandoffExitCodes(t *testing.T) {
	init, l := buildInit(t), listen(t)
	h, socket := openHandoff(t, l)
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		say  string
	}{
		{[]string{"sh", "-c", "exit 42"}, 42, ""},
		{[]string{"no-such-program"}, 127, "not found in PATH"},
		{[]string{"/no/such/program"}, 127, "no such file"},
		{[]string{plain}, 126, "permission denied"},
		{[]string{dir}, 126, "permission denied"},
	} {
		cmd := exec.CommandContext(t.Context(), init, append([]string{socket}, c.args...)...)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Next(t.Context(), anybody, nil); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait()
		if got := cmd.ProcessState.ExitCode(); got != c.code || !strings.Contains(stderr.String(), c.say) {
			t.Errorf("%q: exit %d, %q; want %d, %q", c.args, got, stderr.String(), c.code, c.say)
		}
	}
}

// Whoever is not allowed gets nothing, and does not stop the one who is.
func TestHandoffDenied(t *testing.T) {
	init, l := buildInit(t), listen(t)
	h, socket := openHandoff(t, l)
	stranger := exec.CommandContext(t.Context(), init, socket, "true")
	var stderr strings.Builder
	stranger.Stderr = &stderr
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	var right *exec.Cmd
	allow := func(p Peer) error {
		if p.PID == stranger.Process.Pid {
			return errors.New("not a process of the container")
		}
		return nil
	}
	denied := 0
	peer, err := h.Next(ctx, allow, func(p Peer, err error) {
		denied++
		right = exec.CommandContext(t.Context(), init, socket, "true")
		if err := right.Start(); err != nil {
			t.Error(err)
		}
	})
	if err != nil || denied != 1 || peer.PID != right.Process.Pid {
		t.Fatalf("got %+v, %v after %d denials", peer, err, denied)
	}
	_ = right.Wait()
	_ = stranger.Wait()
	if code := stranger.ProcessState.ExitCode(); code != 125 || !strings.Contains(stderr.String(), "does not know this process") {
		t.Errorf("the stranger: exit %d, %q", code, stderr.String())
	}
}

func TestHandoffWaitsAndEnds(t *testing.T) {
	h, _ := openHandoff(t, listen(t))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := h.Next(ctx, anybody, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("nobody came: %v", err)
	}
}

func TestHandoffDirectory(t *testing.T) {
	l := listen(t)
	open := filepath.Join(t.TempDir(), "open")
	if err := os.Mkdir(open, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenHandoff(filepath.Join(open, "myapp:blue"), []*Listener{l}); err == nil {
		t.Error("a directory that other users can enter was accepted")
	}
	defer unix.Umask(unix.Umask(0o077))
	_, socket := openHandoff(t, l)
	for path, want := range map[string]os.FileMode{
		socket: 0o666, filepath.Dir(socket): 0o755, filepath.Dir(filepath.Dir(socket)): 0o700,
	} {
		if st, err := os.Stat(path); err != nil || st.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want %o", path, st.Mode(), err, want)
		}
	}
	if _, err := OpenHandoff(filepath.Dir(socket), []*Listener{l}); err != nil {
		t.Errorf("after a predecessor: %v", err)
	}
	if _, err := OpenHandoff(filepath.Dir(socket), []*Listener{named(t, "a:b")}); err == nil {
		t.Error("a name with a colon was accepted")
	}
}
