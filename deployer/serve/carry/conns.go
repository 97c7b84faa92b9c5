package carry

import (
	"sync"
	"sync/atomic"
	"time"

	"edgeman/deployer/state"
	"edgeman/sockets/relay"
)

// Conn is one connection that is being forwarded.
type Conn struct {
	traffic
	relay    *relay.Relay
	Listener string      // that it came to
	at       *listening  // the same
	Since    time.Time   // it was accepted
	Closed   atomic.Bool // by CloseWebsockets
}

// Answered tells whether nothing is in progress on it.
func (c *Conn) Answered() bool {
	var k state.Kinds
	return c.kind(&k) == &k.Idle
}

// Conns are all connections that are being forwarded. Its methods may be
// called concurrently.
type Conns struct {
	mu       sync.Mutex
	all      map[*Conn]struct{}
	requests atomic.Uint64 // that ever went in
	Pieces   atomic.Uint64 // of answers that ever came back
}

// Add begins to forward c; start may end it at once, in another goroutine.
func (t *Conns) Add(c *Conn, start func() *relay.Relay) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all == nil {
		t.all = make(map[*Conn]struct{})
	}
	t.all[c] = struct{}{}
	c.asks, c.back = &t.requests, &t.Pieces
	c.relay = start()
}

// Remove forgets a connection that has ended.
func (t *Conns) Remove(c *Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.all, c)
}

// Oldest is when the connection that is open for the longest was accepted; zero
// if there is none.
func (t *Conns) Oldest() (since time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := range t.all {
		if since.IsZero() || c.Since.Before(since) {
			since = c.Since
		}
	}
	return since
}

// Kinds tells what n connections of the slot are at, or of the listener of that
// name. Those that are not carried here are still in the queue, or the app took
// them in by itself.
func (t *Conns) Kinds(n int, listener ...string) (k state.Kinds) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := range t.all {
		if len(listener) == 0 || listener[0] == c.Listener {
			*c.kind(&k)++
		}
	}
	k.Unknown += max(0, n-k.Total())
	return k
}

// kind is the count of k that the connection belongs to.
func (c *Conn) kind(k *state.Kinds) *int {
	switch now, vague := c.state(); {
	case now == upgraded:
		return &k.Websockets
	case now == foreign, now == answering && vague:
		return &k.Unknown
	case now == quiet && c.relay.Unread() == 0: // else the answer is not over, whoever holds it
		return &k.Idle
	}
	return &k.Requests
}

// counts are all connections, and those of them that wait for an answer.
func (t *Conns) counts() (all, waiting int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := range t.all {
		if now, _ := c.state(); now == asked {
			waiting++
		}
	}
	return len(t.all), waiting
}

// InProgress are the connections whose request is in progress.
func (t *Conns) InProgress() (list []*Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var k state.Kinds
	for c := range t.all {
		if c.kind(&k) == &k.Requests {
			list = append(list, c)
		}
	}
	return list
}

// CloseWebsockets closes both ends of every websocket, and returns how many. A
// closing frame would be more polite, but it may stand only between two frames
// of the app's, and those are not looked at.
func (t *Conns) CloseWebsockets() (n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := range t.all {
		if now, _ := c.state(); now == upgraded && c.Closed.CompareAndSwap(false, true) {
			c.relay.Cut()
			n++
		}
	}
	return n
}
