package carry

import (
	"context"
	"errors"
	"sync"
	"time"

	"edgeman/sockets/relay"
)

// Upstream is one running container.
type Upstream interface {
	// Dial opens a connection to the app for one that came to the listener of that
	// name. An error says that it does not take connections now; it may a moment
	// later.
	Dial(ctx context.Context, listener string) (*relay.Conn, error)
	// Begin begins to do so and does not wait.
	Begin(listener string) (*relay.Conn, error)
}

// Pool spreads connections over a release's containers: each goes to the one
// that has the fewest open, in turn among equals. It is safe for concurrent use.
type Pool struct {
	mu      sync.Mutex
	members []*member
	turn    int // where the search for the next begins
}

// member is one container's place in a pool.
type member struct {
	up     Upstream // nil while it takes no connections
	open   int
	served uint64
	left   func() // ends what take began
}

// errNobody is the answer of a pool without a container that takes connections.
var errNobody = errors.New("no replica takes connections")

// elsewhere is how long a replica may let one connection wait before the next
// replica is asked. The last one has the whole time that the connection has.
const elsewhere = time.Second

// NewPool has n members, none of which takes connections yet.
func NewPool(n int) *Pool {
	p := &Pool{members: make([]*member, n)}
	for i := range p.members {
		m := &member{}
		m.left = func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			m.open--
		}
		p.members[i] = m
	}
	return p
}

// Set makes member i take connections through up, or none if it is nil. Its
// open connections go on.
func (p *Pool) Set(i int, up Upstream) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.members[i].up = up
}

// Counts are the connections of member i: open now, and ever.
func (p *Pool) Counts(i int) (open int, served uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.members[i].open, p.members[i].served
}

// take opens a connection to the member with the fewest. One that refuses is
// passed over, so an error says that none of them takes connections. The
// caller calls left when the connection has ended.
func (p *Pool) take(ctx context.Context, listener string) (conn *relay.Conn, left func(), err error) {
	err = errNobody
	for tried := uint64(0); ; {
		i, up, more := p.pick(tried)
		if up == nil {
			return nil, nil, err
		}
		tried |= 1 << i
		m := p.members[i]
		conn, err = dialOne(ctx, up, listener, more)
		if err == nil {
			return conn, m.left, nil
		}
		p.giveUp(m)
		if ctx.Err() != nil {
			return nil, nil, err
		}
	}
}

// begin is take without waiting and for the first choice only.
func (p *Pool) begin(listener string) (conn *relay.Conn, left func(), err error) {
	i, up, _ := p.pick(0)
	if up == nil {
		return nil, nil, errNobody
	}
	m := p.members[i]
	if conn, err = up.Begin(listener); err != nil {
		p.giveUp(m)
		return nil, nil, err
	}
	return conn, m.left, nil
}

// pick chooses among the members that are not in the set tried and counts the
// connection as the chosen one's; more tells whether there are others.
func (p *Pool) pick(tried uint64) (chosen int, up Upstream, more bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	found := 0
	for n := range p.members {
		i := (p.turn + n) % len(p.members)
		m := p.members[i]
		if m.up == nil || tried&(1<<i) != 0 {
			continue
		}
		if found++; found == 1 || m.open < p.members[chosen].open {
			chosen = i
		}
	}
	if found == 0 {
		return 0, nil, false
	}
	m := p.members[chosen]
	m.open++
	m.served++
	p.turn = chosen + 1
	return chosen, m.up, found > 1
}

// giveUp takes back what pick counted.
func (p *Pool) giveUp(m *member) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m.open--
	m.served--
}

func dialOne(ctx context.Context, up Upstream, listener string, more bool) (*relay.Conn, error) {
	if more {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, elsewhere)
		defer cancel()
	}
	return up.Dial(ctx, listener)
}

// ToSockets is a pool that leads each listener to the socket of its name in dir.
func ToSockets(dir string) *Pool {
	p := NewPool(1)
	p.Set(0, unixSockets(dir))
	return p
}
