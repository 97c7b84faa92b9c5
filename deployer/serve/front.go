package serve

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"edgeman/sockets/count"
	"edgeman/sockets/relay"
)

const (
	// While requests are held back they stay in the kernel's queue, where they
	// survive this process. Only a queue that fills is taken in and parked.
	spillAt    = 1024
	spillCheck = 50 * time.Millisecond

	acceptAgain = 50 * time.Millisecond // after an error that can pass, such as no descriptors
	dialMin     = 5 * time.Millisecond
	dialMax     = 250 * time.Millisecond
)

// listener is the slot's listening socket.
type listener interface {
	Serve(ctx context.Context, take func(*relay.Conn) (more bool)) error
	Accept(ctx context.Context) (*relay.Conn, error)
	Pause()
	Resume() error
	Pending() (int, error)
	Queue() (count.Queue, error)
	Relisten(backlog int) error
	SetBlocking(on bool) error
	Alive() bool
	AwaitDeath(ctx context.Context) error
	AwaitConnection(ctx context.Context) error
}

// front accepts the slot's connections and carries each to the app.
type front struct {
	listener listener
	gate     *gate
	park     time.Duration // how long a connection waits for the app
	slots    chan struct{} // one for each accepted connection
	trouble  func(error)   // told of accept errors, at most one a second
	conns    sync.WaitGroup
	inside   inside
	unhold   func() // not nil while held
}

func newFront(l listener, g *gate, park time.Duration, limit int, trouble func(error)) *front {
	return &front{listener: l, gate: g, park: park, slots: make(chan struct{}, limit), trouble: trouble}
}

// run accepts until ctx ends or the listener is dead. Accepted connections go
// on after that, until the app or the client ends them or the gate is closed.
func (f *front) run(ctx context.Context) error {
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
		sleep(ctx, acceptAgain)
	}
}

// take begins with an accepted connection, and reports whether there is room
// for more. It does not block: what cannot be done at once gets a goroutine.
func (f *front) take(c *relay.Conn) (more bool) {
	f.slots <- struct{}{} // has room, see run
	f.conns.Add(1)
	if !f.begin(c) {
		go f.carry(c)
	}
	return len(f.slots) < cap(f.slots)
}

// begin is carry for an app that is there and takes the connection at once, as
// nearly all do.
func (f *front) begin(c *relay.Conn) bool {
	to, err := f.gate.pass(nil)
	if to == nil || err != nil {
		return false
	}
	app, left, err := to.begin()
	if err != nil {
		f.gate.leave()
		return false
	}
	now := &carried{since: time.Now()}
	if app.Settled() {
		f.forward(now, c, app, left)
	} else {
		go f.await(now, c, app, left)
	}
	return true
}

// await goes on with a connection to the app that takes its time.
func (f *front) await(now *carried, c, app *relay.Conn, left func()) {
	ctx, cancel := context.WithTimeout(context.Background(), elsewhere)
	defer cancel()
	if app.Connected(ctx) == nil {
		f.forward(now, c, app, left)
		return
	}
	app.Close()
	left()
	f.gate.leave()
	f.carry(c)
}

// hold leaves new connections in the kernel's queue until release. Only the
// keeper calls the two, one after the other.
func (f *front) hold() {
	if f.unhold != nil {
		return
	}
	f.listener.Pause()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.spill(ctx)
	}()
	f.unhold = func() { cancel(); <-done }
}

// release lets connections in again after hold, quit or not.
func (f *front) release() error {
	f.quit()
	return f.listener.Resume()
}

// quit ends what hold began and leaves the listener as it is.
func (f *front) quit() {
	if f.unhold != nil {
		f.unhold()
		f.unhold = nil
	}
}

// spill takes connections in when the queue of the held listener fills,
// because a full queue refuses.
func (f *front) spill(ctx context.Context) {
	for ctx.Err() == nil {
		n, err := f.listener.Pending()
		if err != nil || n < spillAt || len(f.slots) == cap(f.slots) {
			sleep(ctx, spillCheck)
			continue
		}
		if f.listener.Resume() == nil {
			sleep(ctx, time.Millisecond)
			f.listener.Pause()
		}
	}
}

// carry brings one connection to the app. Until the app takes it the client
// waits, and sees nothing of an app that is down, starting or being replaced.
func (f *front) carry(c *relay.Conn) {
	now := time.Now()
	deadline := now.Add(f.park)
	for wait := dialMin; ; wait = min(2*wait, dialMax) {
		to, err := f.gate.enter(c, deadline)
		if err != nil {
			break
		}
		app, left, err := dial(to, deadline)
		if err == nil {
			f.forward(&carried{since: now}, c, app, left)
			return
		}
		f.gate.leave()
		if c.Gone() || !time.Now().Before(deadline) {
			break
		}
		time.Sleep(wait)
	}
	c.Close()
	f.done()
}

// forward begins to carry bytes; it ends as its ends end.
func (f *front) forward(c *carried, client, app *relay.Conn, left func()) {
	f.inside.add(c, func() *relay.Relay {
		return relay.Forward(client, app, c, func(int64, int64, error) {
			f.inside.remove(c)
			left()
			f.gate.leave()
			f.done()
		})
	})
}

// done ends what accepting a connection began.
func (f *front) done() {
	<-f.slots
	f.conns.Done()
}

func dial(to *pool, deadline time.Time) (app *relay.Conn, left func(), err error) {
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	return to.take(ctx)
}

// sleep waits for d or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
