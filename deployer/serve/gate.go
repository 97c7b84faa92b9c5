package serve

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

var (
	errHungUp = errors.New("client hung up")
	errClosed = errors.New("gate closed for good")
)

// gate stands between accepted connections and the app. While it is shut,
// connections wait in it, each in its own goroutine and with nothing else: no
// timer, no second goroutine, because there can be tens of thousands.
type gate struct {
	mu     sync.Mutex
	to     *pool // nil while shut
	closed bool
	parked map[*net.UnixConn]struct{}
	inside int           // connections that passed and have not left
	passed uint64        // connections that ever did
	idle   chan struct{} // closed when inside is 0; nil until somebody waits
}

func newGate() *gate { return &gate{parked: make(map[*net.UnixConn]struct{})} }

// open lets connections through to the pool, those that wait first.
func (g *gate) open(to *pool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.to = to
	g.wake()
}

// shut makes connections wait. Those inside go on.
func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.to = nil
}

// close ends every wait, now and later.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed, g.to = true, nil
	g.wake()
}

// wake ends the wait of everything parked by making its read deadline pass.
func (g *gate) wake() {
	for c := range g.parked {
		_ = c.SetReadDeadline(time.Unix(1, 0))
	}
}

// enter waits until the gate is open and counts the connection as inside until
// leave. It gives up at the deadline and when the client is gone.
func (g *gate) enter(c *net.UnixConn, deadline time.Time) (*pool, error) {
	for {
		to, err := g.pass(c, deadline)
		if to != nil || err != nil {
			return to, err
		}
		err = untilHungUp(c)
		g.unpark(c)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, err
		}
		if !time.Now().Before(deadline) {
			return nil, os.ErrDeadlineExceeded
		}
	}
}

// pass goes through the open gate or parks c at the shut one.
func (g *gate) pass(c *net.UnixConn, deadline time.Time) (*pool, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, errClosed
	}
	if g.to != nil {
		g.inside++
		g.passed++
		return g.to, c.SetReadDeadline(time.Time{})
	}
	// Before it is in the set, or it would undo a wake-up.
	if err := c.SetReadDeadline(deadline); err != nil {
		return nil, err
	}
	g.parked[c] = struct{}{}
	return nil, nil
}

func (g *gate) unpark(c *net.UnixConn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.parked, c)
}

// leave ends what enter began.
func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	if g.inside == 0 && g.idle != nil {
		close(g.idle)
		g.idle = nil
	}
}

// counts are the connections inside and those that wait.
func (g *gate) counts() (inside, parked int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.inside, len(g.parked)
}

// total is how many connections have passed since the start.
func (g *gate) total() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.passed
}

// empty is closed once nothing is inside.
func (g *gate) empty() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inside == 0 {
		done := make(chan struct{})
		close(done)
		return done
	}
	if g.idle == nil {
		g.idle = make(chan struct{})
	}
	return g.idle
}

// untilHungUp waits for the client to close its end and reads nothing. A
// client that only shut its sending side still waits for an answer, so that
// does not count. The read deadline ends the wait early.
func untilHungUp(c *net.UnixConn) error {
	rc, err := c.SyscallConn()
	if err != nil {
		return err
	}
	err = rc.Read(hungUp)
	if err != nil {
		return err
	}
	return errHungUp
}

func hungUp(fd uintptr) bool {
	p := []unix.PollFd{{Fd: int32(fd)}} // POLLHUP and POLLERR are always asked for
	n, err := unix.Poll(p, 0)
	return err == nil && n > 0 && p[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0
}

// gone asks whether the client hung up, without waiting.
func gone(c syscall.Conn) bool {
	rc, err := c.SyscallConn()
	if err != nil {
		return true
	}
	is := false
	if err := rc.Control(func(fd uintptr) { is = hungUp(fd) }); err != nil {
		return true
	}
	return is
}
