// Package carry is the way of a request through a slot: Front accepts at each of
// its listeners, Gate makes it wait while it must, Pool chooses a container, Conns
// knows what each connection is at. It decides nothing of this by itself, and knows neither
// Docker nor nginx nor which release it carries to.
package carry

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"edgeman/deployer/poll"
	"edgeman/sockets/relay"
)

const (
	// While requests are held back they stay in the kernel's queue, where they
	// survive this process. Only a queue that fills is taken in and parked.
	overflowAt    = 1024
	overflowCheck = 50 * time.Millisecond

	acceptAgain = 50 * time.Millisecond // after an error that can pass, such as no descriptors
	dialMin     = 5 * time.Millisecond
	dialMax     = 250 * time.Millisecond
)

// Listener is one of the slot's listening sockets.
type Listener interface {
	Name() string
	Serve(ctx context.Context, take func(*relay.Conn) (more bool)) error
	Pause()
	Resume() error
	Pending() (int, error)
}

// Front accepts the slot's connections and carries each to the app.
type Front struct {
	listeners []*listening
	Gate      *Gate
	park      time.Duration // how long a connection waits for the app
	trouble   func(error)   // told of accept errors, at most one a second of each listener
	Conns     Conns
	meter     meter
	unhold    func() // not nil while held
}

// listening is one of the listeners, with a slot for each connection that it accepted:
// one that is full keeps no other from accepting.
type listening struct {
	Listener
	slots chan struct{}
}

// full tells whether it accepts no more for now.
func (d *listening) full() bool { return len(d.slots) == cap(d.slots) }

// NewFront accepts at most limit connections at a time from each listener, each of
// which waits for the app for up to park.
func NewFront(all []Listener, park time.Duration, limit int, trouble func(error)) *Front {
	f := &Front{Gate: newGate(), park: park, trouble: trouble}
	for _, l := range all {
		f.listeners = append(f.listeners, &listening{l, make(chan struct{}, limit)})
	}
	return f
}

// Accepted is how many connections were accepted and have not ended.
func (f *Front) Accepted() (n int) {
	for _, d := range f.listeners {
		n += len(d.slots)
	}
	return n
}

// Unanswered is how many of them wait for the app, or for an answer of it.
func (f *Front) Unanswered() int {
	all, asked := f.Conns.counts()
	return max(0, f.Accepted()-all) + asked
}

// Rate is how many requests come in a second, measured up to now.
func (f *Front) Rate(now time.Time) float64 { return f.meter.read(now, f.Conns.requests.Load()) }

// Run accepts until ctx ends or one of the listeners is dead. Accepted connections
// go on after that, until the app or the client ends them or the gate is closed.
func (f *Front) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for _, d := range f.listeners {
		all.Go(func() { cancel(f.accept(ctx, d)) })
	}
	all.Wait()
	return context.Cause(ctx)
}

// accept is Run for one listener.
func (f *Front) accept(ctx context.Context, d *listening) error {
	var told time.Time
	for {
		select {
		case d.slots <- struct{}{}: // there is room for one at least
			<-d.slots
		case <-ctx.Done():
			return ctx.Err()
		}
		err := d.Serve(ctx, func(c *relay.Conn) bool { return f.take(c, d) })
		if err == nil {
			continue
		}
		if ctx.Err() != nil || errors.Is(err, relay.ErrDead) || errors.Is(err, net.ErrClosed) {
			return err
		}
		if time.Since(told) > time.Second {
			told = time.Now()
			f.trouble(err)
		}
		poll.Sleep(ctx, acceptAgain)
	}
}

// take begins with an accepted connection, and reports whether there is room
// for more. It does not block: what cannot be done at once gets a goroutine.
func (f *Front) take(c *relay.Conn, d *listening) (more bool) {
	d.slots <- struct{}{} // has room, see accept
	if now := (&Conn{Listener: d.Name(), Since: time.Now(), at: d}); !f.begin(now, c) {
		go f.carry(now, c)
	}
	return !d.full()
}

// begin is carry for an app that is there and takes the connection at once, as
// nearly all do.
func (f *Front) begin(now *Conn, c *relay.Conn) bool {
	to, err := f.Gate.Pass(nil)
	if to == nil || err != nil {
		return false
	}
	app, left, err := to.begin(now.Listener)
	if err != nil {
		f.Gate.Leave()
		return false
	}
	if app.Connecting() {
		go f.await(now, c, app, left)
	} else {
		f.forward(now, c, app, left)
	}
	return true
}

// await goes on with a connection to the app that takes its time.
func (f *Front) await(now *Conn, c, app *relay.Conn, left func()) {
	ctx, cancel := context.WithTimeout(context.Background(), elsewhere)
	defer cancel()
	if app.Connected(ctx) == nil {
		f.forward(now, c, app, left)
		return
	}
	app.Close()
	left()
	f.Gate.Leave()
	f.carry(now, c)
}

// Hold leaves new connections in the kernel's queue until Admit. The two are
// called one after the other, never at the same time.
func (f *Front) Hold() {
	if f.unhold != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for _, d := range f.listeners {
		d.Pause()
		all.Go(func() { f.takeOverflow(ctx, d) })
	}
	f.unhold = func() { cancel(); all.Wait() }
}

// Admit lets connections in again after Hold, ended or not.
func (f *Front) Admit() error {
	f.EndHold()
	var err error
	for _, d := range f.listeners {
		err = errors.Join(err, d.Resume())
	}
	return err
}

// EndHold ends what Hold began and leaves the listeners as they are.
func (f *Front) EndHold() {
	if f.unhold != nil {
		f.unhold()
		f.unhold = nil
	}
}

// takeOverflow takes connections in when the queue of a held listener fills,
// because a full queue refuses.
func (f *Front) takeOverflow(ctx context.Context, d *listening) {
	for ctx.Err() == nil {
		n, err := d.Pending()
		if err != nil || n < overflowAt || d.full() {
			poll.Sleep(ctx, overflowCheck)
			continue
		}
		if d.Resume() == nil {
			poll.Sleep(ctx, time.Millisecond)
			d.Pause()
		}
	}
}

// carry brings one connection to the app. Until the app takes it the client
// waits, and sees nothing of an app that is down, starting or being replaced.
func (f *Front) carry(now *Conn, c *relay.Conn) {
	deadline := now.Since.Add(f.park)
	for wait := dialMin; ; wait = min(2*wait, dialMax) {
		to, err := f.Gate.enter(c, deadline)
		if err != nil {
			break
		}
		app, left, err := dial(to, now.Listener, deadline)
		if err == nil {
			f.forward(now, c, app, left)
			return
		}
		f.Gate.Leave()
		if c.Gone() || !time.Now().Before(deadline) {
			break
		}
		time.Sleep(wait)
	}
	c.Close()
	<-now.at.slots
}

// forward begins to carry bytes; it ends as its ends end.
func (f *Front) forward(c *Conn, client, app *relay.Conn, left func()) {
	f.Conns.Add(c, func() *relay.Relay {
		return relay.Forward(client, app, c, func(int64, int64, error) {
			f.Conns.Remove(c)
			left()
			f.Gate.Leave()
			<-c.at.slots
		})
	})
}

func dial(to *Pool, listener string, deadline time.Time) (app *relay.Conn, left func(), err error) {
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	return to.take(ctx, listener)
}
