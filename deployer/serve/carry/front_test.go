package carry

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"edgeman/deployer/fake"
	"edgeman/sockets"
	"edgeman/sockets/relay"
)

// running is a front that accepts until the test ends.
func running(t *testing.T, limit int) (*Front, string) {
	t.Helper()
	path := sockets.SocketPath(t.TempDir(), "8080")
	l, err := sockets.Listen(path, 4096)
	if err != nil {
		t.Fatal(err)
	}
	f := NewFront([]Listener{l}, time.Minute, limit, func(err error) { t.Error(err) })
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		f.Gate.Close()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("run ended with %v", err)
		}
		for end := time.Now().Add(10 * time.Second); f.Accepted() > 0 && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		if n := f.Accepted(); n != 0 {
			t.Errorf("%d connections counted after all have ended", n)
		}
		l.Close()
	})
	return f, path
}

func TestFrontForwards(t *testing.T) {
	f, path := running(t, 10)
	f.Gate.Open(only(fake.NewEchoApp(t)))
	for range 20 {
		c := fake.Connect(t, path)
		fake.Echoes(t, c)
		c.Close()
	}
}

func TestFrontWaitsForAnAppThatStarts(t *testing.T) {
	f, path := running(t, 10)
	c := fake.Connect(t, path)
	if _, err := c.Write([]byte("early ")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "parked", parkedAre(f.Gate, 1))
	app := fake.NewEchoApp(t)
	app.Refusing.Store(3)
	f.Gate.Open(only(app))
	_, _ = c.Write([]byte("bird"))
	_ = c.CloseWrite()
	b, err := io.ReadAll(c)
	if err != nil || string(b) != "early bird" {
		t.Fatalf("got %q, %v", b, err)
	}
}

func TestFrontLeavesAClientThatLeft(t *testing.T) {
	f, path := running(t, 10)
	app := fake.NewEchoApp(t)
	app.Refusing.Store(1 << 20)
	f.Gate.Open(only(app))
	c := fake.Connect(t, path)
	eventually(t, "tried", func() bool { return app.Refusing.Load() < 1<<20 })
	c.Close()
	tried := app.Refusing.Load()
	eventually(t, "no more dials", func() bool {
		was := tried
		tried = app.Refusing.Load()
		time.Sleep(2 * dialMax)
		return app.Refusing.Load() == was
	})
}

func TestFrontStopsAcceptingAtItsLimit(t *testing.T) {
	f, path := running(t, 2)
	conns := []*net.UnixConn{fake.Connect(t, path), fake.Connect(t, path), fake.Connect(t, path)}
	eventually(t, "two parked", parkedAre(f.Gate, 2))
	if n := f.Unanswered(); n != 2 {
		t.Errorf("%d connections wait for an answer, want 2", n)
	}
	eventually(t, "one queued", func() bool { n, err := f.listeners[0].Pending(); return err == nil && n == 1 })
	f.Gate.Open(only(fake.NewEchoApp(t)))
	for _, c := range conns {
		fake.Echoes(t, c)
	}
}

func TestFrontHoldsConnectionsInTheKernel(t *testing.T) {
	f, path := running(t, 5000)
	f.Gate.Open(only(fake.NewEchoApp(t)))
	f.Hold()
	// One that Accept was already waiting for may still come in.
	conns := []*net.UnixConn{fake.Connect(t, path), fake.Connect(t, path), fake.Connect(t, path)}
	eventually(t, "queued", func() bool { n, err := f.listeners[0].Pending(); return err == nil && n >= 2 })
	if err := f.Admit(); err != nil {
		t.Fatal(err)
	}
	for _, c := range conns {
		fake.Echoes(t, c)
	}
}

func TestFrontTakesAFullQueueIn(t *testing.T) {
	f, path := running(t, 5000)
	f.Hold()
	const many = overflowAt + 500
	conns := make([]*net.UnixConn, many)
	for i := range conns {
		conns[i] = fake.Connect(t, path)
	}
	eventually(t, "the queue went down and the rest is parked", func() bool {
		n, err := f.listeners[0].Pending()
		_, parked := f.Gate.Counts()
		return err == nil && n < overflowAt && n+parked == many
	})
	f.Gate.Open(only(fake.NewEchoApp(t)))
	if err := f.Admit(); err != nil {
		t.Fatal(err)
	}
	for _, c := range conns {
		fake.Echoes(t, c)
	}
}

// What was taken in can go on to whoever accepts at a slot's socket.
func TestPassThroughASocket(t *testing.T) {
	path := sockets.SocketPath(t.TempDir(), "8080")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go fake.Echo(l)
	f, slot := running(t, 10)
	f.Gate.Open(ToSockets(filepath.Dir(path)))
	c, err := net.Dial("unix", slot)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "hello"); err != nil {
		t.Fatal(err)
	}
	_ = c.(*net.UnixConn).CloseWrite()
	if got, err := io.ReadAll(c); err != nil || string(got) != "hello" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := unixSockets(filepath.Dir(path)).Dial(t.Context(), "8072"); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("nobody listens: %v", err)
	}
}

// Each listener leads to its own port, and all share the limit and the hold.
func TestFrontOfSeveralListeners(t *testing.T) {
	dir := t.TempDir()
	var all []Listener
	for _, name := range []string{"8069", "8072"} {
		l, err := sockets.Listen(sockets.SocketPath(dir, name), 100)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		all = append(all, l)
	}
	f := NewFront(all, time.Minute, 1, func(err error) { t.Error(err) })
	asked := make(chan string, 10)
	app := namedApp{fake.NewEchoApp(t), asked}
	p := NewPool(1)
	p.Set(0, app)
	f.Gate.Open(p)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	var conns []net.Conn
	for _, name := range []string{"8072", "8069"} {
		c := fake.Connect(t, sockets.SocketPath(dir, name))
		if _, err := io.WriteString(c, "x"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
		if got := <-asked; got != name {
			t.Errorf("a connection to %s was led to %s", name, got)
		}
	}
	if n := f.Accepted(); n != 2 {
		t.Errorf("%d accepted", n)
	}
	if one, both := f.Conns.Kinds(0, "8069").Total(), f.Conns.Kinds(0).Total(); one != 1 || both != 2 {
		t.Errorf("%d of 8069, %d of both", one, both)
	}
	third := fake.Connect(t, sockets.SocketPath(dir, "8069"))
	if err := third.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(third, "x")
	if n, err := third.Read(make([]byte, 1)); err == nil {
		t.Errorf("%d bytes beyond the limit", n)
	}
	conns[1].Close()
	if err := third.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := third.Read(make([]byte, 1)); err != nil {
		t.Errorf("no answer although there is room: %v", err)
	}
	f.Hold()
	for _, l := range all {
		fake.Connect(t, sockets.SocketPath(dir, l.Name()))
		if n, err := l.Pending(); n != 1 || err != nil {
			t.Errorf("%s: %d wait, %v", l.Name(), n, err)
		}
	}
	if err := f.Admit(); err != nil {
		t.Error(err)
	}
	cancel()
	f.Gate.Close()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// namedApp tells to which listener's port it was asked for a connection.
type namedApp struct {
	*fake.EchoApp
	asked chan<- string
}

func (a namedApp) Dial(ctx context.Context, listener string) (*relay.Conn, error) {
	a.asked <- listener
	return a.EchoApp.Dial(ctx, listener)
}

func (a namedApp) Begin(listener string) (*relay.Conn, error) {
	a.asked <- listener
	return a.EchoApp.Begin(listener)
}
