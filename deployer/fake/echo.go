package fake

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

// EchoApp is a TCP server that sends everything back; Refusing makes its first
// dials fail.
type EchoApp struct {
	Addr     netip.AddrPort
	Refusing atomic.Int32
}

func (a *EchoApp) Dial(ctx context.Context, _ string) (*relay.Conn, error) {
	if a.Refusing.Add(-1) >= 0 {
		return nil, syscall.ECONNREFUSED
	}
	return (&sockets.Dialer{}).Dial(ctx, a.Addr)
}

func (a *EchoApp) Begin(_ string) (*relay.Conn, error) {
	if a.Refusing.Add(-1) >= 0 {
		return nil, syscall.ECONNREFUSED
	}
	return (&sockets.Dialer{}).Begin(a.Addr)
}

// Echo sends back what comes, until the listener is closed.
func Echo(l net.Listener) {
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

// NewEchoApp starts one that ends with the test.
func NewEchoApp(t *testing.T) *EchoApp {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go Echo(l)
	return &EchoApp{Addr: l.Addr().(*net.TCPAddr).AddrPort()}
}

// Connect opens a connection that ends with the test.
func Connect(t *testing.T, path string) *net.UnixConn {
	t.Helper()
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// Echoes sends a word and wants it back, whole, after ending its own sending.
func Echoes(t *testing.T, c *net.UnixConn) {
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
