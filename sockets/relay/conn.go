package relay

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Conn is a connection before it is forwarded: a client's, from [Accept], or one
// to an app, from [Connect]. It is a bare descriptor in non-blocking mode that the
// runtime's poller does not know, because [Forward] has one of its own. One
// goroutine at a time may use it.
type Conn struct {
	fd         int
	connecting bool
	result     error // of connecting
}

// Connect begins to connect fd, a socket in non-blocking mode, and takes it over,
// also when it fails. It does not wait: [Conn.Connected] does. But within one
// machine the handshake is over by the time that connect(2) returns, though it
// says EINPROGRESS, and then Connect knows.
func Connect(fd int, to unix.Sockaddr) (*Conn, error) {
	c := &Conn{fd: fd}
	err := os.NewSyscallError("connect", unix.Connect(fd, to))
	if errors.Is(err, unix.EINPROGRESS) {
		c.connecting = true
		c.pollConnect()
		err = c.result
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Close closes the connection. Once [Forward] has it, Close does nothing.
func (c *Conn) Close() error {
	fd := c.take()
	if fd < 0 {
		return nil
	}
	return os.NewSyscallError("close", unix.Close(fd))
}

// take leaves nothing for Close to close.
func (c *Conn) take() int {
	fd := c.fd
	c.fd = -1
	return fd
}

// Gone reports whether the peer has closed its end altogether. A peer that
// only shut its sending side still waits for an answer, so that does not count.
func (c *Conn) Gone() bool { return hungUp(uintptr(c.fd)) }

// Peer returns the address of an app, and the zero AddrPort for a client.
func (c *Conn) Peer() netip.AddrPort { return addrPort(unix.Getpeername(c.fd)) }

// Local returns the address that an app sees as its peer.
func (c *Conn) Local() netip.AddrPort { return addrPort(unix.Getsockname(c.fd)) }

// addrPort is what sa says if it is of TCP; with an error there is none.
func addrPort(sa unix.Sockaddr, _ error) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port))
	}
	return netip.AddrPort{}
}

// Net hands the connection to the net package, for talking to the app itself.
// The Conn is used up, also by an error.
func (c *Conn) Net() (net.Conn, error) {
	f := os.NewFile(uintptr(c.take()), "")
	defer f.Close() // FileConn works on a duplicate
	return net.FileConn(f)
}

// Watch gives a second handle on the connection, which the runtime's poller
// knows, for waiting on it without a thread. Close the handle.
func (c *Conn) Watch() (*Watch, error) {
	fd, err := unix.FcntlInt(uintptr(c.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	return &Watch{os.NewFile(uintptr(fd), "")}, nil
}

// Watch waits on a [Conn]. Its methods may be called concurrently.
type Watch struct{ f *os.File }

// SetDeadline ends every wait at t with [os.ErrDeadlineExceeded].
func (w *Watch) SetDeadline(t time.Time) error { return w.f.SetDeadline(t) }

// Close ends every wait; the connection itself stays open.
func (w *Watch) Close() error { return w.f.Close() }

// Gone waits until the peer has closed its end, as [Conn.Gone] means it, and
// reads nothing.
func (w *Watch) Gone() error {
	return w.wait(syscall.RawConn.Read, hungUp)
}

// wait waits until ready is true of the descriptor.
func (w *Watch) wait(how func(syscall.RawConn, func(uintptr) bool) error, ready func(uintptr) bool) error {
	rc, err := w.f.SyscallConn()
	if err != nil {
		return err
	}
	return how(rc, ready)
}

// Connected waits until a connection from [Connect] is made, or says why
// it could not be.
func (c *Conn) Connected(ctx context.Context) error {
	if !c.connecting {
		return nil
	}
	w, err := c.Watch()
	if err != nil {
		return err
	}
	defer w.Close()
	defer context.AfterFunc(ctx, func() { _ = w.SetDeadline(time.Unix(1, 0)) })()
	err = w.wait(syscall.RawConn.Write, func(uintptr) bool { return c.pollConnect() })
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	return c.result
}

// Connecting reports whether Connected would have to wait.
func (c *Conn) Connecting() bool { return c.connecting }

// pollConnect asks without waiting whether connect(2) has come to an end, and how.
func (c *Conn) pollConnect() bool {
	events := polled(uintptr(c.fd), unix.POLLOUT)
	if events == 0 {
		return false
	}
	c.connecting = false
	if events&(unix.POLLERR|unix.POLLHUP) != 0 {
		n, err := unix.GetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && n != 0 {
			err = syscall.Errno(n)
		}
		c.result = os.NewSyscallError("connect", err)
	}
	return true
}

// hungUp asks without waiting whether both directions have ended. For a Unix
// socket that is the moment at which the peer closes its descriptor, for TCP
// also that at which a reset arrives.
func hungUp(fd uintptr) bool { return polled(fd, 0)&(unix.POLLHUP|unix.POLLERR) != 0 }

// polled is poll(2) without waiting; POLLHUP and POLLERR are always asked for.
func polled(fd uintptr, events int16) int16 {
	p := []unix.PollFd{{Fd: int32(fd), Events: events}}
	if _, err := unix.Poll(p, 0); err != nil {
		return 0
	}
	return p[0].Revents
}
