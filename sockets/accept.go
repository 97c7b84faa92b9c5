package sockets

import (
	"context"
	"errors"
	"fmt"

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
