package sockets

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"syscall"

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

	mu    sync.Mutex
	added map[netip.Addr]bool // sources that lo has by now
	spare map[int][]int       // unconnected sockets by address family
}

// OpenDialer returns a dialer for the namespace that is mounted at path, which
// for a Docker container is its SandboxKey. Never give it a path below
// /proc/PID: pids are used again. Connections come from the one of sources
// that is of the destination's family; it is added to lo in there at the first
// Dial that needs it. Without one the kernel chooses.
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
	for family, fds := range d.spare {
		for _, fd := range fds {
			unix.Close(fd)
		}
		delete(d.spare, family)
	}
	return d.ns.Close()
}

// Dial connects to dst. The connection has TCP_NODELAY set, and keepalive
// probes as the net package sets them: a container's interface can go away
// without a last word.
func (d *Dialer) Dial(ctx context.Context, dst netip.AddrPort) (*net.TCPConn, error) {
	dst = netip.AddrPortFrom(dst.Addr().Unmap(), dst.Port())
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
		if src := d.source(dst.Addr()); src.IsValid() {
			nd.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(src, 0))
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

// source returns the address to connect to dst from, or the zero Addr.
func (d *Dialer) source(dst netip.Addr) netip.Addr {
	i := slices.IndexFunc(d.sources, func(a netip.Addr) bool { return a.Is4() == dst.Is4() })
	if i < 0 {
		return netip.Addr{}
	}
	return d.sources[i]
}

// spareSockets is how many sockets one visit to the namespace makes. The visit
// costs several times what a socket does.
const spareSockets = 16

// socket returns a TCP socket of the namespace for connecting to dst, with the
// source address in place.
func (d *Dialer) socket(dst netip.Addr) (int, error) {
	family := unix.AF_INET
	if dst.Is6() {
		family = unix.AF_INET6
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if fds := d.spare[family]; len(fds) > 0 {
		fd := fds[len(fds)-1]
		d.spare[family] = fds[:len(fds)-1]
		return fd, nil
	}
	src := d.source(dst)
	var fds []int
	err := d.visit(func() error {
		if src.IsValid() && !d.added[src] {
			if err := addLoopback(src); err != nil {
				return err
			}
			d.added[src] = true
		}
		for range spareSockets {
			fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
			if err != nil && len(fds) == 0 {
				return os.NewSyscallError("socket", err)
			}
			if err != nil {
				break // one is enough
			}
			fds = append(fds, fd)
		}
		return nil
	})
	if err != nil {
		return -1, err
	}
	d.spare[family] = fds[1:]
	return fds[0], nil
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
