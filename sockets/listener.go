package sockets

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"edgeman/sockets/count"
	"edgeman/sockets/relay"
)

// Listener is a listening Unix stream socket that other processes may hold
// too: systemd, and in native mode the container. They share one open file
// description, so a Listener switches it to blocking mode only when asked to,
// and never unlinks its path. All methods may be called concurrently,
// except that only one goroutine at a time may be in Serve or Accept.
type Listener struct {
	path string

	open sync.RWMutex // held by all who use fd
	fd   int          // -1 once it is closed

	mu        sync.Mutex
	gate      chan struct{} // not nil while paused; closed by Resume
	accepting *relay.Acceptor
}

// Listen makes a listening socket at path, for tests; slots take theirs from
// systemd with [Inherited].
func Listen(path string, backlog int) (*Listener, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("listening on %s: %w", path, os.NewSyscallError("bind", err))
	}
	if err := unix.Listen(fd, backlog); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("listening on %s: %w", path, os.NewSyscallError("listen", err))
	}
	return newListener(fd)
}

// newListener takes over fd, also when it fails.
func newListener(fd int) (*Listener, error) {
	// The unit says NonBlocking=yes. This covers a unit that does not, and an
	// app that had the socket before us and made it blocking.
	if err := errors.Join(checkListening(fd), unix.SetNonblock(fd, true)); err != nil {
		unix.Close(fd)
		return nil, err
	}
	addr, err := unix.Getsockname(fd)
	if err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("getsockname", err)
	}
	bound, ok := addr.(*unix.SockaddrUnix)
	if !ok {
		unix.Close(fd)
		return nil, errors.New("not a Unix socket")
	}
	return &Listener{fd: fd, path: bound.Name}, nil
}

// checkListening tells a listening stream socket from anything else.
func checkListening(fd int) error {
	typ, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return os.NewSyscallError("getsockopt", err)
	}
	listening, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if err != nil {
		return os.NewSyscallError("getsockopt", err)
	}
	if typ != unix.SOCK_STREAM || listening != 1 {
		return errors.New("not a listening stream socket")
	}
	return nil
}

// Path returns the path the socket is bound to.
func (l *Listener) Path() string { return l.path }

// Name returns the listener's name, which its path ends in.
func (l *Listener) Name() string {
	return strings.TrimSuffix(filepath.Base(l.path), socketSuffix)
}

// Close closes this process's copy and ends Accept. Connections that are
// queued stay queued while another process holds the listener, and are reset
// when none does.
func (l *Listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stop(net.ErrClosed)
	l.open.Lock()
	defer l.open.Unlock()
	if l.fd < 0 {
		return net.ErrClosed
	}
	err := os.NewSyscallError("close", unix.Close(l.fd))
	l.fd = -1
	l.openGate()
	return err
}

// Pause stops accepting: connections wait in the kernel's queue. When it
// returns, nothing is under way.
func (l *Listener) Pause() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gate == nil {
		l.gate = make(chan struct{})
		l.stop(errPaused)
	}
}

// Resume accepts again after [Listener.Pause]. It also makes the socket
// non-blocking again, in case it was lent to an app that changed that.
func (l *Listener) Resume() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.openGate()
	return l.control("fcntl", func(fd int) error { return unix.SetNonblock(fd, true) })
}

// openGate lets an Accept that is paused go on; l.mu is held.
func (l *Listener) openGate() {
	if l.gate != nil {
		close(l.gate)
		l.gate = nil
	}
}

// Relisten sets the length of the queue with listen(2) again. An app that was
// given the socket shrinks the queue for everybody when it calls listen(2)
// itself, and most servers do. The kernel caps backlog at net.core.somaxconn.
func (l *Listener) Relisten(backlog int) error {
	return l.control("listen", func(fd int) error { return unix.Listen(fd, backlog) })
}

// SetBlocking says whether accept(2) waits for a connection or tells the caller
// to try again, in every process that holds the socket. An app that was given
// the socket can need the former; [Listener.Accept] needs the latter.
func (l *Listener) SetBlocking(on bool) error {
	return l.control("fcntl", func(fd int) error { return unix.SetNonblock(fd, !on) })
}

// Queue asks the kernel for the listener's queue, whatever process set it last.
func (l *Listener) Queue() (q count.Queue, err error) {
	err = l.control("reading the queue", func(fd int) error {
		q, err = count.QueueOf(fd)
		return err
	})
	return q, err
}

// Pending returns the number of connections that wait to be accepted.
func (l *Listener) Pending() (int, error) {
	q, err := l.Queue()
	return q.Waiting, err
}

// Alive reports whether connections can still arrive: false after Close, after
// anyone who holds the socket called shutdown(2) on it, and after its file was
// removed, which leaves clients nothing to connect to.
func (l *Listener) Alive() (alive bool) {
	if _, err := os.Lstat(l.Path()); errors.Is(err, fs.ErrNotExist) {
		return false
	}
	err := l.control("poll", func(fd int) error {
		alive = relay.Listens(fd)
		return nil
	})
	return err == nil && alive
}

// control runs do on the descriptor, which stays open meanwhile.
func (l *Listener) control(what string, do func(fd int) error) error {
	l.open.RLock()
	defer l.open.RUnlock()
	if l.fd < 0 {
		return net.ErrClosed
	}
	if err := do(l.fd); err != nil {
		return fmt.Errorf("%s on %s: %w", what, l.path, err)
	}
	return nil
}
