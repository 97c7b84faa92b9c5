package sockets

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Serve calls take for every connection until take says that it wants no more,
// which is no error. It returns the context's error when ctx ends,
// [net.ErrClosed] after Close and [ErrDead] if the socket has been shut down.
// Every other error (no descriptors, no memory) can pass: wait a little, say
// so, and call Serve again. While the listener is paused it waits.
//
// take must not block: it is called where [Forward] moves bytes, because to
// switch to another thread for each connection costs a third of all that a
// short connection does. When Serve has returned it is called no more.
func (l *Listener) Serve(ctx context.Context, take func(*Conn) (more bool)) error {
	for {
		a, err := l.start(ctx, take)
		if err != nil {
			return err
		}
		select {
		case err = <-a.result:
		case <-ctx.Done():
			a.stop(ctx.Err())
			err = <-a.result
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
func (l *Listener) Accept(ctx context.Context) (*Conn, error) {
	var c *Conn
	err := l.Serve(ctx, func(next *Conn) bool { c = next; return false })
	if c != nil {
		return c, nil
	}
	return nil, err
}

// errPaused ends accepting until Resume.
var errPaused = errors.New("paused")

// start begins to accept once the listener is not paused.
func (l *Listener) start(ctx context.Context, take func(*Conn) bool) (*acceptor, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		l.mu.Lock()
		gate := l.gate
		if gate == nil {
			defer l.mu.Unlock()
			a, err := newAcceptor(l, take)
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
		l.accepting.stop(err)
		l.accepting = nil
	}
}

// acceptor is a Listener in a loop.
type acceptor struct {
	loop   *loop
	fd     int
	id     int32
	take   func(*Conn) bool
	result chan error // why it has ended, once

	mu   sync.Mutex // held while it accepts
	over bool
}

func newAcceptor(l *Listener, take func(*Conn) bool) (a *acceptor, err error) {
	a = &acceptor{take: take, result: make(chan error, 1)}
	if a.loop, err = pickLoop(); err != nil {
		return nil, err
	}
	err = l.control("accepting", func(fd int) error {
		a.fd = fd // stays open until stop, which Close calls
		return a.loop.listen(a)
	})
	return a, err
}

// acceptBatch bounds how many connections are accepted before those that are
// there already get their turn.
const acceptBatch = 16

// accept takes in what is queued.
func (a *acceptor) accept() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for range acceptBatch {
		if a.over {
			return
		}
		fd, _, err := unix.Syscall6(unix.SYS_ACCEPT4, uintptr(a.fd), 0, 0, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
		switch err {
		case 0:
			if !a.take(&Conn{fd: int(fd)}) {
				a.end(nil)
			}
		case unix.EINTR, unix.ECONNABORTED:
		case unix.EAGAIN:
			// On a dead Unix socket accept(2) would find nothing, for ever.
			if !listens(a.fd) {
				a.end(ErrDead)
			}
			return
		default:
			a.end(os.NewSyscallError("accept4", err))
		}
	}
}

// stop ends accepting; nothing is under way when it returns.
func (a *acceptor) stop(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.over {
		a.end(err)
	}
}

func (a *acceptor) end(err error) {
	a.over = true
	a.loop.unlisten(a)
	a.result <- err
}
