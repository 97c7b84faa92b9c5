package serve

import (
	"errors"
	"os"
	"sync"
	"time"

	"edgeman/sockets/relay"
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
	parked map[*relay.Watch]struct{}
	inside int           // connections that passed and have not left
	passed uint64        // connections that ever did
	idle   chan struct{} // closed when inside is 0; nil until somebody waits
}

func newGate() *gate { return &gate{parked: make(map[*relay.Watch]struct{})} }

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
		_ = c.SetDeadline(time.Unix(1, 0))
	}
}

// enter waits until the gate is open and counts the connection as inside until
// leave. It gives up at the deadline and when the client is gone.
func (g *gate) enter(c *relay.Conn, deadline time.Time) (*pool, error) {
	if to, err := g.pass(nil); to != nil || err != nil {
		return to, err
	}
	w, err := c.Watch()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	for {
		// Before it is in the set, or it would undo a wake-up.
		if err := w.SetDeadline(deadline); err != nil {
			return nil, err
		}
		if to, err := g.pass(w); to != nil || err != nil {
			return to, err
		}
		err := w.Gone()
		g.unpark(w)
		switch {
		case err == nil:
			return nil, errHungUp
		case !errors.Is(err, os.ErrDeadlineExceeded) || !time.Now().Before(deadline):
			return nil, err
		}
	}
}

// pass goes through the open gate or parks w, if not nil, at the shut one.
func (g *gate) pass(w *relay.Watch) (*pool, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, errClosed
	}
	if g.to != nil {
		g.inside++
		g.passed++
		return g.to, nil
	}
	if w != nil {
		g.parked[w] = struct{}{}
	}
	return nil, nil
}

func (g *gate) unpark(w *relay.Watch) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.parked, w)
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
