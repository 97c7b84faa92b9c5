// Package carry is the way of a request through a slot: Front accepts, Gate makes
// it wait while it must, Pool chooses a container, Conns knows what each
// connection is at. It decides nothing of this by itself, and knows neither
// Docker nor nginx nor which release it carries to.
package carry

import (
	"context"
	"errors"
	"net"
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

// Listener is the slot's listening socket.
type Listener interface {
	Serve(ctx context.Context, take func(*relay.Conn) (more bool)) error
	Pause()
	Resume() error
	Pending() (int, error)
}

// Front accepts the slot's connections and carries each to the app.
type Front struct {
	listener Listener
	Gate     *Gate
	park     time.Duration // how long a connection waits for the app
	slots    chan struct{} // one for each accepted connection
	trouble  func(error)   // told of accept errors, at most one a second
	Conns    Conns
	meter    meter
	unhold   func() // not nil while held
}

// NewFront accepts at most limit connections at a time, each of which waits for
// the app for up to park.
func NewFront(l Listener, park time.Duration, limit int, trouble func(error)) *Front {
	return &Front{listener: l, Gate: newGate(), park: park, slots: make(chan struct{}, limit), trouble: trouble}
}

// Accepted is how many connections were accepted and have not ended.
func (f *Front) Accepted() int { return len(f.slots) }

// Unanswered is how many of them wait for the app, or for an answer of it.
func (f *Front) Unanswered() int {
	all, asked := f.Conns.counts()
	return max(0, len(f.slots)-all) + asked
}

// Rate is how many requests come in a second, measured up to now.
func (f *Front) Rate(now time.Time) float64 { return f.meter.read(now, f.Conns.requests.Load()) }

// Run accepts until ctx ends or the listener is dead. Accepted connections go
// on after that, until the app or the client ends them or the gate is closed.
func (f *Front) Run(ctx context.Context) error {
	var told time.Time
	for {
		select {
		case f.slots <- struct{}{}: // there is room for one at least
			<-f.slots
		case <-ctx.Done():
			return ctx.Err()
		}
		err := f.listener.Serve(ctx, f.take)
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
func (f *Front) take(c *relay.Conn) (more bool) {
	f.slots <- struct{}{} // has room, see Run
	if !f.begin(c) {
		go f.carry(c)
	}
	return len(f.slots) < cap(f.slots)
}

// begin is carry for an app that is there and takes the connection at once, as
// nearly all do.
func (f *Front) begin(c *relay.Conn) bool {
	to, err := f.Gate.Pass(nil)
	if to == nil || err != nil {
		return false
	}
	app, left, err := to.begin()
	if err != nil {
		f.Gate.Leave()
		return false
	}
	now := &Conn{Since: time.Now()}
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
	f.carry(c)
}

// Hold leaves new connections in the kernel's queue until Admit. The two are
// called one after the other, never at the same time.
func (f *Front) Hold() {
	if f.unhold != nil {
		return
	}
	f.listener.Pause()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.takeOverflow(ctx)
	}()
	f.unhold = func() { cancel(); <-done }
}

// Admit lets connections in again after Hold, ended or not.
func (f *Front) Admit() error {
	f.EndHold()
	return f.listener.Resume()
}

// EndHold ends what Hold began and leaves the listener as it is.
func (f *Front) EndHold() {
	if f.unhold != nil {
		f.unhold()
		f.unhold = nil
	}
}

// takeOverflow takes connections in when the queue of the held listener fills,
// because a full queue refuses.
func (f *Front) takeOverflow(ctx context.Context) {
	for ctx.Err() == nil {
		n, err := f.listener.Pending()
		if err != nil || n < overflowAt || len(f.slots) == cap(f.slots) {
			poll.Sleep(ctx, overflowCheck)
			continue
		}
		if f.listener.Resume() == nil {
			poll.Sleep(ctx, time.Millisecond)
			f.listener.Pause()
		}
	}
}

// carry brings one connection to the app. Until the app takes it the client
// waits, and sees nothing of an app that is down, starting or being replaced.
func (f *Front) carry(c *relay.Conn) {
	now := time.Now()
	deadline := now.Add(f.park)
	for wait := dialMin; ; wait = min(2*wait, dialMax) {
		to, err := f.Gate.enter(c, deadline)
		if err != nil {
			break
		}
		app, left, err := dial(to, deadline)
		if err == nil {
			f.forward(&Conn{Since: now}, c, app, left)
			return
		}
		f.Gate.Leave()
		if c.Gone() || !time.Now().Before(deadline) {
			break
		}
		time.Sleep(wait)
	}
	c.Close()
	<-f.slots
}

// forward begins to carry bytes; it ends as its ends end.
func (f *Front) forward(c *Conn, client, app *relay.Conn, left func()) {
	f.Conns.Add(c, func() *relay.Relay {
		return relay.Forward(client, app, c, func(int64, int64, error) {
			f.Conns.Remove(c)
			left()
			f.Gate.Leave()
			<-f.slots
		})
	})
}

func dial(to *Pool, deadline time.Time) (app *relay.Conn, left func(), err error) {
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	return to.take(ctx)
}
