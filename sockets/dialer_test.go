package sockets

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"edgeman/sockets/relay"
)

var source4 = netip.MustParseAddr("169.254.77.1")

func dialer(t testing.TB, n *testNetns) *Dialer {
	t.Helper()
	d, err := OpenDialer(n.path, source4, DefaultSource6)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func TestDialInNetns(t *testing.T) {
	n := newNetns(t)
	d := dialer(t, n)
	for _, c := range []struct {
		name         string
		listen, want netip.Addr
	}{
		{"IPv4", containerAddr, source4},
		{"IPv6", containerAddr6, DefaultSource6},
		{"loopback, with no network", netip.MustParseAddr("127.0.0.1"), source4},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, dst := n.listen(t, c.listen)
			for range 2*spareSockets + 1 {
				bare, err := d.Dial(t.Context(), dst)
				if err != nil {
					t.Fatal(err)
				}
				conn := netConn(t, bare).(*net.TCPConn)
				app, err := l.AcceptTCP()
				if err != nil {
					t.Fatal(err)
				}
				if got := app.RemoteAddr().(*net.TCPAddr).AddrPort().Addr(); got != c.want {
					t.Errorf("the app's peer is %s, want %s", got, c.want)
				}
				write(t, conn, "hello")
				expect(t, app, "hello")
				if !noDelay(t, conn) {
					t.Error("TCP_NODELAY is not set")
				}
				conn.Close()
				expectEOF(t, app)
				app.Close()
			}
		})
	}
	if out := ip(t, "-n", n.name, "-o", "addr", "show", "dev", "lo"); strings.Count(out, source4.String()) != 1 {
		t.Errorf("lo has:\n%s", out)
	}
}

func noDelay(t testing.TB, c *net.TCPConn) bool {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	value := 0
	raw.Control(func(fd uintptr) {
		value, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NODELAY)
	})
	return err == nil && value == 1
}

// An app that restarts its dialer, or a second one, finds the address there.
func TestDialSourceIsThereAlready(t *testing.T) {
	n := newNetns(t)
	l, dst := n.listen(t, containerAddr)
	for range 2 {
		conn, err := dialer(t, n).Dial(t.Context(), dst)
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		app, err := l.AcceptTCP()
		if err != nil {
			t.Fatal(err)
		}
		app.Close()
	}
}

// Whatever happens inside, this process stays in its own namespace.
func TestDialConcurrentlyStaysOutside(t *testing.T) {
	n := newNetns(t)
	d := dialer(t, n)
	l, dst := n.listen(t, containerAddr)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	home := ownNetnsInode(t)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for range 50 {
				c, err := d.Dial(t.Context(), dst)
				if err != nil {
					t.Error(err)
					return
				}
				c.Close()
				if got := ownNetnsInode(t); got != home {
					t.Errorf("in namespace %d, want %d", got, home)
				}
			}
		})
	}
	all.Wait()
}

func TestDialErrors(t *testing.T) {
	n := newNetns(t)
	d := dialer(t, n)
	l, dst := n.listen(t, containerAddr)
	l.Close()
	if _, err := d.Dial(t.Context(), dst); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("nobody listens: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Dial(ctx, dst); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	// Packets to this neighbour go nowhere.
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	begin := time.Now()
	if _, err := d.Dial(ctx, netip.MustParseAddrPort("10.99.7.9:80")); err == nil {
		t.Error("connected to nobody")
	}
	if took := time.Since(begin); took > limit {
		t.Errorf("gave up after %s", took)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Dial(t.Context(), dst); err == nil {
		t.Error("dialed after Close")
	}
	if _, err := OpenDialer(n.path + "-gone"); err == nil {
		t.Error("opened a namespace that is not there")
	}
}

// Something else than a namespace at the path, as is left when the container
// has ended in between.
func TestDialNotANamespace(t *testing.T) {
	d, err := OpenDialer("/proc/self/exe", source4)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.Dial(t.Context(), netip.MustParseAddrPort("127.0.0.1:1")); !errors.Is(err, unix.EINVAL) {
		t.Errorf("got %v, want EINVAL", err)
	}
}

func TestDialPlain(t *testing.T) {
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var d Dialer
	defer d.Close()
	c, err := d.Dial(t.Context(), l.Addr().(*net.TCPAddr).AddrPort())
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

// The namespace and its sockets are given up with the dialer.
func TestDialerLeaksNothing(t *testing.T) {
	n := newNetns(t)
	_, dst := n.listen(t, containerAddr)
	ownNetns()
	fds := openFDs(t)
	d := dialer(t, n)
	c, err := d.Dial(t.Context(), dst)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	d.Close()
	waitFor(t, func() bool { return openFDs(t) <= fds })
}

// Connections that this side closes first leave their port behind in TIME_WAIT
// for a minute. The ports must not run out meanwhile; here there are 1,001.
func TestDialOftenerThanThereArePorts(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	n := newNetns(t)
	d := dialer(t, n)
	l, dst := n.listen(t, containerAddr)
	ip(t, "netns", "exec", n.name, "sysctl", "-qw", "net.ipv4.ip_local_port_range=40000 41000")
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			buf := make([]byte, 1)
			c.Read(buf)
			c.Close()
		}
	}()
	for i := range 5 * 1001 {
		c, err := d.Dial(t.Context(), dst)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		c.Close()
	}
	if d.shift == 0 {
		t.Error("the test did not use up the ports")
	}
}

func BenchmarkDial(b *testing.B) {
	n := newNetns(b)
	d := dialer(b, n)
	l, dst := n.listen(b, containerAddr)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close() // first, so that the port is free at once
		}
	}()
	for b.Loop() {
		c, err := d.Dial(b.Context(), dst)
		if err != nil {
			b.Fatal(err)
		}
		nc := netConn(b, c)
		_, _ = nc.Read(make([]byte, 1))
		nc.Close()
	}
}

func netConn(t testing.TB, c *relay.Conn) net.Conn {
	t.Helper()
	n, err := c.Net()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func write(t testing.TB, c io.Writer, s string) {
	t.Helper()
	if _, err := c.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
}

func expect(t testing.TB, c io.Reader, s string) {
	t.Helper()
	buf := make([]byte, len(s))
	if _, err := io.ReadFull(c, buf); err != nil || string(buf) != s {
		t.Fatalf("read %q, %v; want %q", buf, err, s)
	}
}

func expectEOF(t testing.TB, c io.Reader) {
	t.Helper()
	if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 {
		t.Fatalf("read %q, %v; want the end", rest, err)
	}
}

func openFDs(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
