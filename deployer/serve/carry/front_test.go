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
)

// running is a front that accepts until the test ends.
func running(t *testing.T, limit int) (*Front, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := sockets.Listen(path, 4096)
	if err != nil {
		t.Fatal(err)
	}
	f := NewFront(l, time.Minute, limit, func(err error) { t.Error(err) })
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		f.Gate.Close()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("run ended with %v", err)
		}
		for end := time.Now().Add(10 * time.Second); len(f.slots) > 0 && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		if n := len(f.slots); n != 0 {
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
	eventually(t, "one queued", func() bool { n, err := f.listener.Pending(); return err == nil && n == 1 })
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
	eventually(t, "queued", func() bool { n, err := f.listener.Pending(); return err == nil && n >= 2 })
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
		n, err := f.listener.Pending()
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
	path := filepath.Join(t.TempDir(), "native")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go fake.Echo(l)
	f, slot := running(t, 10)
	f.Gate.Open(ToSocket(path))
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
	if _, err := unixSocket(path + "x").Dial(t.Context()); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("nobody listens: %v", err)
	}
}
