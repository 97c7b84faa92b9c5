package serve

import (
	"sync"
	"sync/atomic"
	"time"

	"edgeman/deployer/state"
	"edgeman/sockets/relay"
)

// carried is one connection that is being forwarded.
type carried struct {
	traffic
	relay *relay.Relay
	since time.Time // it was accepted
	ended bool      // by endWebsockets
}

// inside are all connections that are being forwarded. Its methods may be
// called concurrently.
type inside struct {
	mu       sync.Mutex
	all      map[*carried]struct{}
	requests atomic.Uint64 // that ever went in
	back     atomic.Uint64 // pieces of answers that ever came back
}

// add begins to forward c; start may end it at once, in another goroutine.
func (i *inside) add(c *carried, start func() *relay.Relay) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.all == nil {
		i.all = make(map[*carried]struct{})
	}
	i.all[c] = struct{}{}
	c.asks, c.back = &i.requests, &i.back
	c.relay = start()
}

func (i *inside) remove(c *carried) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.all, c)
}

// oldest is when the connection that is open for the longest was accepted; zero
// if there is none.
func (i *inside) oldest() (since time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for c := range i.all {
		if since.IsZero() || c.since.Before(since) {
			since = c.since
		}
	}
	return since
}

// kinds tells what n connections of the slot are at. Those that are not carried
// here are still in the queue, or the app took them in by itself.
func (i *inside) kinds(n int) (k state.Kinds) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for c := range i.all {
		*c.kind(&k)++
	}
	k.Unknown += max(0, n-k.Total())
	return k
}

// kind is the count of k that the connection belongs to.
func (c *carried) kind(k *state.Kinds) *int {
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

// settled is how many of the connections wait for no answer.
func (i *inside) settled() (n int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for c := range i.all {
		if now, _ := c.state(); now != asked {
			n++
		}
	}
	return n
}

// asking are the connections whose request is in progress.
func (i *inside) asking() (list []*carried) {
	i.mu.Lock()
	defer i.mu.Unlock()
	var k state.Kinds
	for c := range i.all {
		if c.kind(&k) == &k.Requests {
			list = append(list, c)
		}
	}
	return list
}

// endWebsockets closes both ends of every websocket, and returns how many. A
// closing frame would be more polite, but it may stand only between two frames
// of the app's, and those are not looked at.
func (i *inside) endWebsockets() (n int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for c := range i.all {
		if now, _ := c.state(); now == upgraded && !c.ended {
			c.ended = true
			c.relay.Cut()
			n++
		}
	}
	return n
}
