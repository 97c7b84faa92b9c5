package fake

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"edgeman/deployer/console"

	"golang.org/x/sys/unix"
)

// Person is somebody at a terminal who, when asked, does something and then
// says yes.
type Person struct {
	t        *testing.T
	keyboard *os.File
}

// Sit puts a person before the host's terminal.
func Sit(t *testing.T, c *console.Console) Person {
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
	c.In = tty
	return Person{t, keyboard}
}

// Answers runs command, calls then when it asks, and says yes after that.
func (p Person) Answers(c *console.Console, then func(), command func() error) error {
	p.t.Helper()
	said, err := c.Err, error(nil)
	reader, writer := io.Pipe()
	c.Err = io.MultiWriter(said, writer)
	defer func() { c.Err = said }()
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
