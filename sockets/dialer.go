package sockets

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"edgeman/sockets/relay"
)

// DefaultSource6 is the address that a container sees as its IPv6 peer: neither
// loopback nor an address the container is reached at, because an app that trusts
// "local" clients would trust everybody. It is unique local (RFC 4193).
var DefaultSource6 = netip.MustParseAddr("fd65:6467:656d:616e::1")

// Dialer opens TCP connections inside a network namespace. The zero Dialer
// connects from this process's own namespace, as any program does: that is
// for host networking and for going over a bridge. Dial may be called
// concurrently.
type Dialer struct {
	ns      *os.File // nil: the own namespace
	sources []netip.Addr

	mu      sync.Mutex
	added   map[netip.Addr]bool // sources that lo has by now
	spare   map[int][]int       // unconnected sockets by address family
	shift   int                 // how far behind the given source is the one in use
	shifted time.Time
}

// OpenDialer returns a dialer for the namespace that is mounted at path, which
// for a Docker container is its SandboxKey. Never give it a path below
// /proc/PID: pids are used again. Connections come from the one of sources
// that is of the destination's family; it is added to lo in there at the first
// Dial that needs it. Without one the kernel chooses.
//
// Under a load that uses up all ports of a source, the 15 addresses after it
// are used too.
//
// The dialer keeps the namespace alive; Close it when the container has ended.
func OpenDialer(path string, sources ...netip.Addr) (*Dialer, error) {
	ns, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening the container's network namespace: %w", err)
	}
	return &Dialer{
		ns: ns, sources: sources,
		added: make(map[netip.Addr]bool), spare: make(map[int][]int),
	}, nil
}

// Close gives the namespace up. Connections stay as they are.
func (d *Dialer) Close() error {
	if d.ns == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dropSpare()
	return d.ns.Close()
}

// Dial connects to dst. The connection has TCP_NODELAY set, and keepalive
// probes as the net package sets them: a container's interface can go away
// without a last word.
func (d *Dialer) Dial(ctx context.Context, dst netip.AddrPort) (*relay.Conn, error) {
	dst = netip.AddrPortFrom(dst.Addr().Unmap(), dst.Port())
	for try := 1; ; try++ {
		before := d.sourceShift()
		c, err := d.dial(ctx, dst)
		if err == nil {
			return c, nil
		}
		if !errors.Is(err, unix.EADDRNOTAVAIL) || !d.source(dst.Addr()).IsValid() || try >= maxSources {
			return nil, fmt.Errorf("dial tcp %s: %w", dst, err)
		}
		d.shiftSource(before)
	}
}

func (d *Dialer) dial(ctx context.Context, dst netip.AddrPort) (*relay.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c, err := d.Begin(dst)
	if err != nil {
		return nil, err
	}
	if err := c.Connected(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Begin does what Dial does and does not wait: [relay.Connect] says how.
func (d *Dialer) Begin(dst netip.AddrPort) (*relay.Conn, error) {
	dst = netip.AddrPortFrom(dst.Addr().Unmap(), dst.Port())
	fd, err := d.socket(dst.Addr())
	if err != nil {
		return nil, err
	}
	c, err := relay.Connect(fd, sockaddr(dst))
	// Where nobody listens the kernel can choose, as the source, dst itself: TCP
	// then meets itself.
	if err == nil && d.ns == nil && c.Local() == dst {
		c.Close()
		return nil, os.NewSyscallError("connect", unix.ECONNREFUSED)
	}
	return c, err
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())}
	}
	return &unix.SockaddrInet6{Addr: a.Addr().As16(), Port: int(a.Port())}
}

// dropSpare closes the sockets that wait for a use.
func (d *Dialer) dropSpare() {
	for family, fds := range d.spare {
		for _, fd := range fds {
			unix.Close(fd)
		}
		delete(d.spare, family)
	}
}

// spareSockets is how many sockets one visit to the namespace makes. The visit
// costs several times what a socket does.
const spareSockets = 16

// socket returns a TCP socket of the namespace for connecting to dst.
func (d *Dialer) socket(dst netip.Addr) (int, error) {
	family := unix.AF_INET
	if dst.Is6() {
		family = unix.AF_INET6
	}
	if d.ns == nil {
		return newSocket(family, netip.Addr{})
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.spare[family]) == 0 {
		if err := d.visit(func() error { return d.refill(family, d.source(dst)) }); err != nil {
			return -1, err
		}
	}
	fds := d.spare[family]
	fd := fds[len(fds)-1]
	d.spare[family] = fds[:len(fds)-1]
	return fd, nil
}

// refill makes spare sockets. It runs inside the namespace.
func (d *Dialer) refill(family int, src netip.Addr) error {
	for range d.shift {
		src = src.Next()
	}
	if src.IsValid() && !d.added[src] {
		if err := addLoopback(src); err != nil {
			return err
		}
		d.added[src] = true
	}
	for range spareSockets {
		fd, err := newSocket(family, src)
		if err != nil && len(d.spare[family]) == 0 {
			return err
		}
		if err != nil {
			break // fewer will do
		}
		d.spare[family] = append(d.spare[family], fd)
	}
	return nil
}

// newSocket makes a TCP socket in the namespace of this thread, bound to src.
func newSocket(family int, src netip.Addr) (int, error) {
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	err = setOptions(fd)
	if err == nil && src.IsValid() {
		err = bindSource(fd, src)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// setOptions sets what the net package would.
func setOptions(fd int) error {
	for _, o := range []struct{ level, name, value int }{
		{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 15},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 15},
		{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 9},
	} {
		if err := unix.SetsockoptInt(fd, o.level, o.name, o.value); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	return nil
}

// bindSource binds fd to src and leaves the choice of a port to connect(2),
// which may take one that is in use for another destination: bind(2) may not
// (IP_BIND_ADDRESS_NO_PORT of ip(7)).
func bindSource(fd int, src netip.Addr) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	return os.NewSyscallError("bind", unix.Bind(fd, sockaddr(netip.AddrPortFrom(src, 0))))
}

// visit runs do inside the dialer's namespace.
func (d *Dialer) visit(do func() error) error {
	rc, err := d.ns.SyscallConn()
	if err != nil {
		return err
	}
	var doErr error
	if err := rc.Control(func(ns uintptr) { doErr = inNetns(int(ns), do) }); err != nil {
		return err
	}
	return doErr
}

// The side that closes first keeps its port in TIME_WAIT for a minute, and
// that is ours whenever a client leaves first. The 28,000 ports of one address
// would then last for 470 connections a second. When they have run out, the
// addresses after it are taken in turn, and the first again when it has rested.
const (
	maxSources = 16
	restTime   = 61 * time.Second
)

// source returns the given address to connect to dst from, or the zero Addr.
func (d *Dialer) source(dst netip.Addr) netip.Addr {
	for _, a := range d.sources {
		if a.Is4() == dst.Is4() {
			return a
		}
	}
	return netip.Addr{}
}

// sourceShift returns how far behind the given source is the one to use now.
func (d *Dialer) sourceShift() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.shift > 0 && time.Since(d.shifted) > restTime {
		d.shift = 0
	}
	return d.shift
}

// shiftSource goes on to the source after from, unless another connection has
// done so already. Sockets that are bound to the one before are given up.
func (d *Dialer) shiftSource(from int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.shift != from {
		return
	}
	d.shift = (d.shift + 1) % maxSources
	d.shifted = time.Now()
	d.dropSpare()
}

// DialUnix connects to the Unix socket at path. It never waits: a connection
// is in the listener's queue at once, and a full queue is an error.
func DialUnix(path string) (*relay.Conn, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	c, err := relay.Connect(fd, &unix.SockaddrUnix{Name: path})
	if err != nil {
		return nil, fmt.Errorf("dial unix %s: %w", path, err)
	}
	return c, nil
}
