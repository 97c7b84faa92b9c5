package sockets

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The addresses that a container sees as its peer unless the operator chose
// others. They are neither loopback nor an address the container is reached
// at, because an app that trusts "local" clients would trust everybody. The
// first is link-local (RFC 3927), the second unique local (RFC 4193).
var (
	DefaultSource  = netip.MustParseAddr("169.254.77.1")
	DefaultSource6 = netip.MustParseAddr("fd65:6467:656d:616e::1")
)

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
func (d *Dialer) Dial(ctx context.Context, dst netip.AddrPort) (*net.TCPConn, error) {
	dst = netip.AddrPortFrom(dst.Addr().Unmap(), dst.Port())
	for try := 1; ; try++ {
		before := d.sourceShift()
		c, err := d.dial(ctx, dst)
		if err == nil {
			return c, nil
		}
		if !errors.Is(err, unix.EADDRNOTAVAIL) || !d.source(dst.Addr()).IsValid() || try >= maxSources {
			return nil, err
		}
		d.shiftSource(before)
	}
}

func (d *Dialer) dial(ctx context.Context, dst netip.AddrPort) (*net.TCPConn, error) {
	var nd net.Dialer
	if d.ns != nil {
		// The net package has no way to be given a socket and connect it. But
		// Control runs right after its own socket(2), before the descriptor is
		// bound, connected or registered with the poller: there ours is put in
		// its place. Deadlines, cancelling and waiting are then the net
		// package's own, and no thread waits inside the namespace.
		nd.Control = func(_, _ string, c syscall.RawConn) error {
			fd, err := d.socket(dst.Addr())
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			return replace(c, fd)
		}
	}
	c, err := nd.DialContext(ctx, "tcp", dst.String())
	if err != nil {
		return nil, err
	}
	return c.(*net.TCPConn), nil
}

// replace makes c's descriptor another one of the socket fd.
func replace(c syscall.RawConn, fd int) error {
	var dupErr error
	err := c.Control(func(target uintptr) { dupErr = unix.Dup3(fd, int(target), unix.O_CLOEXEC) })
	if err != nil {
		return err
	}
	return os.NewSyscallError("dup3", dupErr)
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
	if src.IsValid() {
		if err := bindSource(fd, src); err != nil {
			unix.Close(fd)
			return -1, err
		}
	}
	return fd, nil
}

// bindSource binds fd to src and leaves the choice of a port to connect(2),
// which may take one that is in use for another destination: bind(2) may not
// (IP_BIND_ADDRESS_NO_PORT of ip(7)).
func bindSource(fd int, src netip.Addr) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	var sa unix.Sockaddr = &unix.SockaddrInet6{Addr: src.As16()}
	if src.Is4() {
		sa = &unix.SockaddrInet4{Addr: src.As4()}
	}
	return os.NewSyscallError("bind", unix.Bind(fd, sa))
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
