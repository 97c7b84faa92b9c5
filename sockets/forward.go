package sockets

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Forward carries bytes between a client and an app until both directions have
// ended, then closes both connections. It returns how many bytes went from the
// client to the app (sent) and back (received).
//
// Each side notices of the other what it would notice on a direct connection.
// The end of one direction is passed on by itself (shutdown(2)). A client that
// has gone away altogether takes the app's connection with it, even while the
// app is silent. A client that broke off with answers unread resets it. Only a
// reset by the app reaches the client as a mere end, because a Unix socket
// knows no other.
//
// err is the reason when a direction broke rather than ended; a side that went
// away in order is not an error. To cut a connection from outside, close both.
//
// o, if not nil, is told of everything that passes.
//
// It uses two goroutines, the caller's included. While no data flows it holds
// neither buffer nor pipe.
func Forward(client *net.UnixConn, app *net.TCPConn, o Observer) (sent, received int64, err error) {
	defer client.Close()
	defer app.Close()
	c, err := newEnd(client)
	if err != nil {
		return 0, 0, err
	}
	a, err := newEnd(app)
	if err != nil {
		return 0, 0, err
	}
	var toApp, toClient func([]byte, int)
	if o != nil {
		toApp, toClient = o.ToApp, o.ToClient
	}
	back := make(chan error, 1)
	go func() {
		var err error
		received, err = carry(c, a, toClient)
		back <- err
	}()
	sent, err = carry(a, c, toApp)
	if backErr := <-back; err == nil {
		err = backErr
	}
	if errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE) {
		_ = app.SetLinger(0) // Close sends a reset
	}
	return sent, received, err
}

// stream is what the two connections have in common.
type stream interface {
	net.Conn
	syscall.Conn
	CloseWrite() error
}

// end is one of the two connections.
type end struct {
	stream
	raw syscall.RawConn
}

func newEnd(s stream) (end, error) {
	raw, err := s.SyscallConn()
	return end{s, raw}, err
}

// carry moves everything from src to dst and passes the end on. Then it stays
// to see src go away altogether, because nobody else would while dst is
// silent. When it is done it wakes the other direction, which waits on the
// same two connections.
func carry(dst, src end, tell func([]byte, int)) (n int64, err error) {
	n, err = spliceAll(dst.raw, src.raw, tell)
	if err == nil {
		err = dst.CloseWrite()
	}
	if err == nil {
		err = waitGone(src.raw)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil // woken
	}
	past := time.Unix(1, 0)
	_ = dst.SetDeadline(past)
	_ = src.SetDeadline(past)
	return n, err
}

// waitGone waits until both directions of c have ended. For a Unix socket that
// is also the moment at which the peer closes its descriptor, for TCP that at
// which a reset arrives: a peer that only ended its own sending is not gone.
func waitGone(c syscall.RawConn) error {
	return c.Read(func(fd uintptr) bool {
		p := []unix.PollFd{{Fd: int32(fd)}}
		_, _ = unix.Poll(p, 0)
		return p[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0
	})
}
