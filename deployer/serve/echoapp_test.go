package serve

import (
	"context"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"edgeman/sockets"
	"edgeman/sockets/relay"
)

// echoApp is a TCP server that sends everything back; refusing makes its first
// dials fail.
type echoApp struct {
	addr     netip.AddrPort
	refusing atomic.Int32
}

func (a *echoApp) Dial(ctx context.Context) (*relay.Conn, error) {
	if a.refusing.Add(-1) >= 0 {
		return nil, syscall.ECONNREFUSED
	}
	return (&sockets.Dialer{}).Dial(ctx, a.addr)
}

func (a *echoApp) Begin() (*relay.Conn, error) {
	if a.refusing.Add(-1) >= 0 {
		return nil, syscall.ECONNREFUSED
	}
	return (&sockets.Dialer{}).Begin(a.addr)
}

// echo sends back what comes, until the listener is closed.
func echo(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			_, _ = io.Copy(c, c)
		}()
	}
}

func newEchoApp(t *testing.T) *echoApp {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go echo(l)
	return &echoApp{addr: l.Addr().(*net.TCPAddr).AddrPort()}
}

func connect(t *testing.T, path string) *net.UnixConn {
	t.Helper()
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// echoes sends a word and wants it back, whole, after ending its own sending.
func echoes(t *testing.T, c *net.UnixConn) {
	t.Helper()
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	_ = c.CloseWrite()
	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
	b, err := io.ReadAll(c)
	if err != nil || string(b) != "hello" {
		t.Fatalf("got %q, %v", b, err)
	}
}
