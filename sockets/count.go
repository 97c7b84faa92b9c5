package sockets

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Count is the kernel's own count of the connections of a listening socket.
type Count struct {
	Established int // accepted, and not yet closed by both sides' holders
	Queued      int // connected, waiting to be accepted
}

// Total returns all connections, queued ones included.
func (c Count) Total() int { return c.Established + c.Queued }

// Connections counts the connections to the Unix sockets that are bound to
// path, whoever accepted them: the server's end of a connection carries the
// listener's path for as long as any process holds it. The kernel files an
// accepted socket under the network namespace of its client, so the count is
// right in the namespace of the clients, nginx's. It reads sock_diag(7), and
// /proc/net/unix where the kernel cannot load unix_diag.
func Connections(path string) (Count, error) {
	c, err := diagConnections(path)
	if err == nil {
		return c, nil
	}
	c, procErr := procConnections(path)
	if procErr != nil {
		return Count{}, fmt.Errorf("counting connections of %s: %w", path, errors.Join(err, procErr))
	}
	return c, nil
}

// How often WaitZero counts. A count over 10,000 sockets takes milliseconds.
const waitZeroInterval = 20 * time.Millisecond

// WaitZero waits until the socket at path has had no connection on every
// count over at least stable. One count is not enough: a connection can move
// from the queue to its server between two rows of one reading. It calls
// report, if not nil, with every count that differs from the one before, and
// ends early with the context's error.
func WaitZero(ctx context.Context, path string, stable time.Duration, report func(Count)) error {
	return waitZero(ctx, stable, report, func() (Count, error) { return Connections(path) })
}

func waitZero(ctx context.Context, stable time.Duration, report func(Count), count func() (Count, error)) error {
	tick := time.NewTicker(min(waitZeroInterval, max(stable/4, time.Millisecond)))
	defer tick.Stop()
	last := Count{Established: -1}
	var zeroSince time.Time
	for {
		c, err := count()
		if err != nil {
			return err
		}
		if c != last && report != nil {
			report(c)
		}
		last = c
		switch {
		case c.Total() > 0:
			zeroSince = time.Time{}
		case zeroSince.IsZero():
			zeroSince = time.Now()
		case time.Since(zeroSince) >= stable:
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
