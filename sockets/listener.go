package sockets

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ErrDead means that somebody who holds the listener called shutdown(2) on it.
// No further connection can arrive, and listen(2) does not revive a Unix
// socket: only a new one helps.
var ErrDead = errors.New("listening socket was shut down")

// Listener is a listening Unix stream socket that other processes may hold
// too: systemd, and in native mode the container. They share one open file
// description, so a Listener switches it to blocking mode only when asked to,
// and never unlinks a path it did not make. All methods may be called concurrently,
// except that only one goroutine at a time may be in Accept.
type Listener struct {
	// A file and not a net.UnixListener, which gives no way to accept without
	// registering the connection with the runtime's poller.
	file   *os.File
	path   string
	unlink bool

	mu   sync.Mutex
	gate chan struct{} // not nil while paused; closed by Resume
}

// Listen makes a listening socket at path, for tests and tools; slots take
// theirs from systemd with [Inherited]. Close removes the path.
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
	l, err := newListener(fd)
	if err == nil {
		l.unlink = true
	}
	return l, err
}

// newListener takes over fd, also when it fails.
func newListener(fd int) (*Listener, error) {
	// The unit says NonBlocking=yes. This covers a unit that does not, and an
	// app that had the socket before us and made it blocking. It comes before
	// NewFile, which would otherwise see a blocking file.
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
	return &Listener{file: os.NewFile(uintptr(fd), bound.Name), path: bound.Name}, nil
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

// Close closes this process's copy and ends Accept. Connections that are
// queued stay queued while another process holds the listener, and are reset
// when none does.
func (l *Listener) Close() error {
	err := l.file.Close()
	if err == nil && l.unlink {
		err = os.Remove(l.path)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.openGate()
	return err
}

// SyscallConn gives access to the descriptor without duplicating it and
// without changing its mode, for passing it on.
func (l *Listener) SyscallConn() (syscall.RawConn, error) { return l.file.SyscallConn() }

// Accept returns the next connection. While the listener is paused it waits.
// It returns the context's error when ctx ends, [net.ErrClosed] after Close
// and [ErrDead] if the socket has been shut down; a shutdown(2) while it waits
// it cannot see, that takes [Listener.Alive]. Every other error (no descriptors, no
// memory) can pass: wait a little, say so, and call Accept again.
func (l *Listener) Accept(ctx context.Context) (*Conn, error) {
	stop := context.AfterFunc(ctx, func() { l.file.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	for {
		if err := l.waitOpen(ctx); err != nil {
			return nil, err
		}
		fd, err := l.accept()
		switch {
		case err == nil:
			return &Conn{fd}, nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			// Paused, or this or an earlier call's context ended.
			if err := ctx.Err(); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("accepting on %s: %w", l.path, err)
		}
	}
}

// accept takes one connection without registering it with the runtime's poller
// and without asking who it is, as the net package would.
func (l *Listener) accept() (fd int, err error) {
	var acceptErr error
	raw, err := l.file.SyscallConn()
	if err != nil {
		return -1, closed(err)
	}
	err = raw.Read(func(s uintptr) bool {
		for {
			fd, _, acceptErr = unix.Accept4(int(s), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
			switch acceptErr {
			case unix.EINTR, unix.ECONNABORTED:
			case unix.EAGAIN:
				// On a dead Unix socket accept(2) would find nothing, for ever.
				if listens(int(s)) {
					return false
				}
				acceptErr = ErrDead
				return true
			default:
				acceptErr = os.NewSyscallError("accept4", acceptErr)
				return true
			}
		}
	})
	if err != nil {
		return -1, closed(err)
	}
	return fd, acceptErr
}

// closed says in the net package's words that the file is closed; the runtime's
// poller has no other error, except that a deadline has passed.
func closed(err error) error {
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return net.ErrClosed
}

// waitOpen waits until the listener is not paused and makes it ready to accept.
func (l *Listener) waitOpen(ctx context.Context) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		l.mu.Lock()
		gate := l.gate
		if gate == nil {
			err := l.file.SetDeadline(time.Time{})
			l.mu.Unlock()
			return closed(err)
		}
		l.mu.Unlock()
		select {
		case <-gate:
		case <-ctx.Done():
		}
	}
}

// Pause stops accepting: connections wait in the kernel's queue. A call of
// Accept that is under way may still return the one connection it was taking.
func (l *Listener) Pause() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gate == nil {
		l.gate = make(chan struct{})
		l.file.SetDeadline(time.Unix(1, 0))
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

// Queue is the state of a listener's queue of connections not yet accepted.
type Queue struct {
	Waiting int // connections in the queue
	Backlog int // the limit set by the last listen(2); the kernel takes one more
}

// Queue asks the kernel for the listener's queue, whatever process set it last.
func (l *Listener) Queue() (Queue, error) {
	var q Queue
	err := l.control("reading the queue", func(fd int) (err error) {
		q, err = queueOf(fd)
		return err
	})
	return q, err
}

// Pending returns the number of connections that wait to be accepted.
func (l *Listener) Pending() (int, error) {
	q, err := l.Queue()
	return q.Waiting, err
}

// Alive reports whether connections can still arrive: false after Close, and
// after anyone who holds the socket called shutdown(2) on it.
func (l *Listener) Alive() bool {
	alive, err := l.alive()
	return err == nil && alive
}

func (l *Listener) alive() (alive bool, err error) {
	err = l.control("poll", func(fd int) error {
		alive = listens(fd)
		return nil
	})
	return alive, err
}

// listens reports whether connections can still arrive on fd. shutdown(SHUT_RD),
// which is enough to refuse every connect, shows as RDHUP only; SHUT_RDWR as
// HUP too.
func listens(fd int) bool {
	return polled(uintptr(fd), unix.POLLRDHUP)&(unix.POLLHUP|unix.POLLRDHUP) == 0
}

// control runs do on the descriptor, which stays open meanwhile.
func (l *Listener) control(what string, do func(fd int) error) error {
	rc, err := l.file.SyscallConn()
	if err != nil {
		return closed(err)
	}
	var doErr error
	if err := rc.Control(func(fd uintptr) { doErr = do(int(fd)) }); err != nil {
		return closed(err)
	}
	if doErr != nil {
		return fmt.Errorf("%s on %s: %w", what, l.path, doErr)
	}
	return nil
}
