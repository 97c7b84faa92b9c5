package deployer

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"edgeman/deployer/docker"
	"edgeman/deployer/state"
)

// person is somebody at a terminal who, when asked, does something and then
// says yes.
type person struct {
	t        *testing.T
	keyboard *os.File
}

// sit puts a person before the host's terminal.
func sit(t *testing.T, h *Host) person {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("SKIPPED: no terminals here: %v", err)
	}
	t.Cleanup(func() { keyboard.Close() })
	fd := int(keyboard.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tty.Close() })
	h.In = tty
	return person{t, keyboard}
}

// answers runs command, calls then when it asks, and says yes after that.
func (p person) answers(h *Host, then func(), command func() error) error {
	p.t.Helper()
	said, err := h.Err, error(nil)
	reader, writer := io.Pipe()
	h.Err = io.MultiWriter(said, writer)
	defer func() { h.Err = said }()
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		for in := bufio.NewReader(reader); ; {
			words, err := in.ReadString('?')
			if strings.HasSuffix(words, "?") {
				go func() { _, _ = io.Copy(io.Discard, in) }()
				return
			}
			if err != nil {
				return
			}
		}
	}()
	ended := make(chan error, 1)
	go func() {
		ended <- command()
		writer.Close()
	}()
	select {
	case <-asked:
	case <-time.After(time.Minute):
		p.t.Fatal("it never asked")
	}
	then()
	if _, err = p.keyboard.WriteString("y\n"); err != nil {
		p.t.Fatal(err)
	}
	return <-ended
}

// While a person thinks about giving back, others go on working on the app, and
// what they change has to be agreed to anew.
func TestReleaseAskedHoldsNoLock(t *testing.T) {
	changes := map[string]func(w *world, site string){
		"nothing": func(*world, string) {},
		"the site": func(w *world, site string) {
			now, err := os.ReadFile(site)
			if err == nil {
				err = os.WriteFile(site, append([]byte("# mine\n"), now...), 0o644)
			}
			if err != nil {
				w.t.Error(err)
			}
		},
		"the release that serves": func(w *world, _ string) {
			if _, err := w.Swap(w.t.Context(), SwapOptions{App: "myapp", Image: "v2"}); err != nil {
				w.t.Error(err)
			}
		},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			site := w.onRecord()
			p := sit(t, w.Host)
			o := ReleaseOptions{App: "myapp", Timeout: 100 * time.Millisecond}
			err := p.answers(w.Host, func() {
				lock, err := w.Paths.TakeLock(t.Context(), "myapp", "swap", 0)
				if err != nil {
					t.Errorf("while it asks: %v", err)
					return
				}
				lock.Unlock()
				change(w, site)
			}, func() error { _, err := w.Release(t.Context(), o); return err })
			refused := ExitCode(err) == ExitRefused
			if refused != (name != "nothing") {
				t.Errorf("exit code %d: %v", ExitCode(err), err)
			}
			if op, begun, err := w.Paths.ReadOperation("myapp"); err != nil || begun {
				t.Errorf("left at %+v, %v", op, err)
			}
		})
	}
}

// While a swap pulls its image, others go on working on the app, and the swap
// goes on from where they have left it.
func TestPullHoldsNoLock(t *testing.T) {
	w := newWorld(t)
	w.adopted()
	w.Docker = pullMeets{w, func() {
		if _, err := w.Swap(t.Context(), SwapOptions{App: "myapp", Image: "v2"}); err != nil {
			t.Errorf("while an image is pulled: %v", err)
		}
	}}
	result, err := w.Swap(t.Context(), SwapOptions{App: "myapp", Image: "v3", Pull: "always"})
	if err != nil {
		t.Fatal(err)
	}
	if result.From != 2 || result.Previous != "myapp:v2" || result.Release != 3 {
		t.Errorf("%+v, want release 3 in place of 2, which came meanwhile", result)
	}
	if color, release := w.live(); color != "blue" || release != 3 {
		t.Errorf("live is %s with release %d", color, release)
	}
}

// Whoever is at work when the pull is over keeps the app; nothing is written
// that only the lock's holder may write.
func TestPullEndsWhileAnotherIsAtWork(t *testing.T) {
	w := newWorld(t)
	w.adopted()
	w.Wait = 0
	w.Docker = pullMeets{w, func() {
		lock, err := w.Paths.TakeLock(t.Context(), "myapp", "pause", 0)
		if err == nil {
			t.Cleanup(lock.Unlock)
			err = w.Paths.BeginStep("myapp", state.Operation{Name: "swap", Step: "drain"})
		}
		if err != nil {
			t.Error(err)
		}
	}}
	_, err := w.Swap(t.Context(), SwapOptions{App: "myapp", Image: "v3", Pull: "always"})
	if ExitCode(err) != ExitLocked {
		t.Errorf("exit code %d: %v", ExitCode(err), err)
	}
	if op, begun, err := w.Paths.ReadOperation("myapp"); err != nil || !begun || op.Step != "drain" {
		t.Errorf("the other command's journal is %+v, %v", op, err)
	}
}

// pullMeets is a registry that takes long enough for something to happen.
type pullMeets struct {
	*world
	then func()
}

func (p pullMeets) Pull(ctx context.Context, ref string, progress func(docker.Progress)) error {
	p.then()
	return p.world.Pull(ctx, ref, progress)
}
