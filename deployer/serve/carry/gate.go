package carry

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

// Gate stands between accepted connections and the app. While it is shut,
// connections wait in it, each in its own goroutine and with nothing else: no
// timer, no second goroutine, because there can be tens of thousands.
type Gate struct {
	mu     sync.Mutex
	to     *Pool // nil while shut
	closed bool
	parked map[*relay.Watch]struct{}
	inside int           // connections that passed and have not left
	passed uint64        // connections that ever did
	idle   chan struct{} // closed when inside is 0; nil until somebody waits
}

func newGate() *Gate { return &Gate{parked: make(map[*relay.Watch]struct{})} }

// Open lets connections through to the pool, those that wait first.
func (g *Gate) Open(to *Pool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.to = to
	g.wake()
}

// Shut makes connections wait. Those inside go on.
func (g *Gate) Shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.to = nil
}

// Close ends every wait, now and later.
func (g *Gate) Close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed, g.to = true, nil
	g.wake()
}

// wake ends the wait of everything parked by making its read deadline pass.
func (g *Gate) wake() {
	for c := range g.parked {
		_ = c.SetDeadline(time.Unix(1, 0))
	}
}

// enter waits until the gate is open and counts the connection as inside until
// Leave. It gives up at the deadline and when the client is gone.
func (g *Gate) enter(c *relay.Conn, deadline time.Time) (*Pool, error) {
	if to, err := g.Pass(nil); to != nil || err != nil {
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
		if to, err := g.Pass(w); to != nil || err != nil {
			return to, err
		}
		err := w.Gone()
		g.Unpark(w)
		switch {
		case err == nil:
			return nil, errHungUp
		case !errors.Is(err, os.ErrDeadlineExceeded) || !time.Now().Before(deadline):
			return nil, err
		}
	}
}

// Pass goes through the open gate or parks w, if not nil, at the shut one.
func (g *Gate) Pass(w *relay.Watch) (*Pool, error) {
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

// Unpark takes w out of those that wait.
func (g *Gate) Unpark(w *relay.Watch) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.parked, w)
}

// Leave ends what enter began.
func (g *Gate) Leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	if g.inside == 0 && g.idle != nil {
		close(g.idle)
		g.idle = nil
	}
}

// Counts are the connections inside and those that wait.
func (g *Gate) Counts() (inside, parked int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.inside, len(g.parked)
}

// Total is how many connections have passed since the start.
func (g *Gate) Total() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.passed
}

// Emptied is closed once nothing is inside.
func (g *Gate) Emptied() <-chan struct{} {
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
