package carry

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"edgeman/sockets"
	"edgeman/sockets/relay"
)

// pair is one connection through a Unix socket.
func pair(t *testing.T) (client *net.UnixConn, server *relay.Conn) {
	t.Helper()
	l, err := sockets.Listen(filepath.Join(t.TempDir(), "s"), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err = net.DialUnix("unix", nil, &net.UnixAddr{Name: l.Path(), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	server, err = l.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

// entering waits at the gate in the background.
func entering(g *Gate, c *relay.Conn, wait time.Duration) <-chan error {
	done := make(chan error, 1)
	go func() {
		_, err := g.enter(c, time.Now().Add(wait))
		done <- err
	}()
	return done
}

// eventually polls until ok, and fails the test if it never is.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

func parkedAre(g *Gate, n int) func() bool {
	return func() bool { _, parked := g.Counts(); return parked == n }
}

func result(t *testing.T, done <-chan error) error {
	t.Helper()
	select {
	case err := <-done:
		return err
	case <-time.After(time.Minute):
		t.Fatal("still waiting at the gate")
		return nil
	}
}

func TestGateLetsWaitingConnectionsThroughWhenItOpens(t *testing.T) {
	g := newGate()
	client, server := pair(t)
	if _, err := client.Write([]byte("a request that is already here")); err != nil {
		t.Fatal(err)
	}
	done := entering(g, server, time.Minute)
	eventually(t, "parked", parkedAre(g, 1))
	g.Open(only(&Target{}))
	if err := result(t, done); err != nil {
		t.Fatal(err)
	}
	if inside, parked := g.Counts(); inside != 1 || parked != 0 {
		t.Errorf("inside %d, parked %d; want 1, 0", inside, parked)
	}
	// The wake-up must not have left its deadline behind.
	buf := make([]byte, 9)
	conn, err := server.Net()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Read(buf); err != nil || string(buf) != "a request" {
		t.Errorf("read %q, %v", buf, err)
	}
}

func TestGateGivesUp(t *testing.T) {
	tests := []struct {
		name string
		wait time.Duration
		act  func(g *Gate, client *net.UnixConn)
		want error
	}{
		{"client hangs up", time.Minute, func(_ *Gate, c *net.UnixConn) { c.Close() }, errHungUp},
		{"deadline", 20 * time.Millisecond, func(*Gate, *net.UnixConn) {}, os.ErrDeadlineExceeded},
		{"half-closed client waits on", 50 * time.Millisecond, func(_ *Gate, c *net.UnixConn) { c.CloseWrite() }, os.ErrDeadlineExceeded},
		{"closed", time.Minute, func(g *Gate, _ *net.UnixConn) { g.Close() }, errClosed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := newGate()
			client, server := pair(t)
			done := entering(g, server, tt.wait)
			eventually(t, "parked", func() bool { return parkedAre(g, 1)() || len(done) > 0 })
			tt.act(g, client)
			if err := result(t, done); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if inside, parked := g.Counts(); inside+parked != 0 {
				t.Errorf("inside %d, parked %d; want none", inside, parked)
			}
		})
	}
}

func TestGateShutAgainBeforeTheWakenedGotThrough(t *testing.T) {
	g := newGate()
	_, server := pair(t)
	done := entering(g, server, time.Minute)
	eventually(t, "parked", parkedAre(g, 1))
	for range 100 {
		g.Open(only(&Target{}))
		g.Shut()
	}
	if len(done) == 0 {
		eventually(t, "parked again or through", func() bool { return parkedAre(g, 1)() || len(done) > 0 })
	}
	g.Open(only(&Target{}))
	if err := result(t, done); err != nil {
		t.Fatal(err)
	}
}

func TestGateSaysWhenItIsEmpty(t *testing.T) {
	g := newGate()
	select {
	case <-g.Emptied():
	default:
		t.Fatal("a new gate is not empty")
	}
	g.Open(only(&Target{}))
	_, server := pair(t)
	if _, err := g.enter(server, time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	empty := g.Emptied()
	select {
	case <-empty:
		t.Fatal("empty with a connection inside")
	default:
	}
	g.Leave()
	<-empty
}

// only is a pool of one.
func only(up Upstream) *Pool {
	p := NewPool(1)
	p.Set(0, up)
	return p
}
