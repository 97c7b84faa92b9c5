package sockets

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"edgeman/sockets/relay"
)

// Serve calls take for every connection until take says that it wants no more,
// which is no error. It returns the context's error when ctx ends,
// [net.ErrClosed] after Close and [relay.ErrDead] if the socket has been shut down.
// Every other error (no descriptors, no memory) can pass: wait a little, say
// so, and call Serve again. While the listener is paused it waits.
//
// take must not block: it is called where [relay.Forward] moves bytes, because to
// switch to another thread for each connection costs a third of all that a
// short connection does. When Serve has returned it is called no more.
func (l *Listener) Serve(ctx context.Context, take func(*relay.Conn) (more bool)) error {
	for {
		a, err := l.start(ctx, take)
		if err != nil {
			return err
		}
		select {
		case err = <-a.Result():
		case <-ctx.Done():
			a.Stop(ctx.Err())
			err = <-a.Result()
		}
		switch {
		case err == errPaused: // wait for Resume
		case err == nil || err == ctx.Err():
			return err
		default:
			return fmt.Errorf("accepting on %s: %w", l.path, err)
		}
	}
}

// Accept returns the next connection, with the errors of [Listener.Serve].
func (l *Listener) Accept(ctx context.Context) (*relay.Conn, error) {
	var c *relay.Conn
	err := l.Serve(ctx, func(next *relay.Conn) bool { c = next; return false })
	if c != nil {
		return c, nil
	}
	return nil, err
}

// errPaused ends accepting until Resume.
var errPaused = errors.New("paused")

// start begins to accept once the listener is not paused.
func (l *Listener) start(ctx context.Context, take func(*relay.Conn) bool) (a *relay.Acceptor, err error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		l.mu.Lock()
		gate := l.gate
		if gate == nil {
			defer l.mu.Unlock()
			err = l.control("accepting", func(fd int) error { // open until stop, which Close calls
				a, err = relay.Accept(fd, take)
				return err
			})
			if err == nil {
				l.accepting = a
			}
			return a, err
		}
		l.mu.Unlock()
		select {
		case <-gate:
		case <-ctx.Done():
		}
	}
}

// stop ends accepting, if it is under way, with err; l.mu is held.
func (l *Listener) stop(err error) {
	if l.accepting != nil {
		l.accepting.Stop(err)
		l.accepting = nil
	}
}

// AwaitConnection waits until a connection is in the queue, and leaves it there.
func (l *Listener) AwaitConnection(ctx context.Context) error { return l.await(ctx, unix.EPOLLIN) }

// AwaitDeath waits until the socket has been shut down. Connections do not wake
// it, so it costs nothing while others accept.
func (l *Listener) AwaitDeath(ctx context.Context) error { return l.await(ctx, unix.EPOLLRDHUP) }

// await waits for events, and for the end of the socket in any case. It has an
// epoll(7) of its own: the net package's waits for connections all the time.
func (l *Listener) await(ctx context.Context, events uint32) error {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // so that the runtime waits for it
		unix.Close(fd)
		return err
	}
	f := os.NewFile(uintptr(fd), "epoll")
	defer f.Close()
	err = l.control("epoll_ctl", func(listener int) error {
		return unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, listener, &unix.EpollEvent{Events: events})
	})
	if err != nil {
		return err
	}
	rc, err := f.SyscallConn()
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Unix(1, 0)) })()
	var waitErr error
	err = rc.Read(func(fd uintptr) bool {
		n, err := unix.EpollWait(int(fd), make([]unix.EpollEvent, 1), 0)
		if errors.Is(err, unix.EINTR) {
			return false
		}
		waitErr = err
		return n > 0 || err != nil
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return errors.Join(err, waitErr)
}
