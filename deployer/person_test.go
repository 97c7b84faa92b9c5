package deployer

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
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
