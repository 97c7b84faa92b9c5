package sockets

import (
	"errors"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Forward carries bytes between a client and an app until both directions have
// ended, then closes both connections and calls done, once, with how many bytes
// went from the client to the app (sent) and back (received). It takes both
// connections over and returns at once. done must not block.
//
// Each side notices of the other what it would notice on a direct connection.
// The end of one direction is passed on by itself (shutdown(2)). A client that
// has gone away altogether takes the app's connection with it, even while the
// app is silent. A client that broke off with answers unread resets it. Only a
// reset by the app reaches the client as a mere end, because a Unix socket
// knows no other.
//
// err is the reason when a direction broke rather than ended; a side that went
// away in order is not an error, and [Relay.Cut] is [net.ErrClosed].
//
// o, if not nil, is shown everything that passes.
//
// A connection on which no data flows costs neither a goroutine nor a buffer.
func Forward(client, app *Conn, o Observer, done func(sent, received int64, err error)) *Relay {
	r := &Relay{done: done}
	if o != nil {
		r.flows[0].tell, r.flows[1].tell = o.ToApp, o.ToClient
	}
	r.ends[0].fd, r.ends[1].fd = client.take(), app.take()
	r.ends[0].readable = true // a client mostly has sent something by now
	var err error
	if r.loop, err = pickLoop(); err != nil {
		r.over = true
		r.close()
		go done(0, 0, err)
		return r
	}
	r.loop.start(r)
	return r
}

// Relay is one forwarded connection. Its methods may be called concurrently.
type Relay struct {
	loop *loop
	done func(sent, received int64, err error)

	// loop.mu guards the rest.
	id         int
	ends       [2]end  // the client's and the app's
	flows      [2]flow // number n reads from end n
	err        error
	registered bool // with epoll
	queued     bool // in loop.again
	over       bool // in loop.ended, or was
}

// Cut ends the connection at once, wherever it is.
func (r *Relay) Cut() {
	if r.loop != nil {
		r.loop.cut(r)
	}
}

// Unread returns how many bytes of what the app sent the client has not read.
func (r *Relay) Unread() int {
	if r.loop == nil {
		return 0
	}
	r.loop.mu.Lock()
	defer r.loop.mu.Unlock()
	if r.over {
		return 0
	}
	n, _ := unix.IoctlGetInt(r.ends[0].fd, unix.SIOCOUTQ)
	return n + len(r.flows[1].rest)
}

// end is one of the two descriptors and what the kernel last said of it.
type end struct {
	fd       int
	readable bool // there may be something to read
	thorough bool // a short read does not mean that nothing is left
	gone     bool // both directions have ended, or it was reset
	awaited  bool // registered for EPOLLOUT
}

// flow is one of the two directions.
type flow struct {
	moved int64              // bytes that the destination took
	rest  []byte             // read and not yet taken
	ended bool               // the source's end was passed on
	tell  func(piece []byte) // nil: nobody watches
}

// finished reports whether nothing more can come of the relay: a direction
// broke, both have ended, or one has and its source went away altogether, which
// nobody else would see while the other side is silent.
func (r *Relay) finished() bool {
	return r.err != nil || r.flows[0].ended && (r.ends[0].gone || r.flows[1].ended) ||
		r.flows[1].ended && r.ends[1].gone
}

// close closes both ends, the app's with a reset if a direction broke.
func (r *Relay) close() {
	if errors.Is(r.err, unix.ECONNRESET) || errors.Is(r.err, unix.EPIPE) {
		_ = unix.SetsockoptLinger(r.ends[1].fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	for _, e := range r.ends {
		_ = unix.Close(e.fd)
	}
}

const (
	// bufferSize is what one read takes.
	bufferSize = 64 << 10
	// share is how many reads in a row one connection may do.
	share = 16
)

// pump moves what end number from has for the other end.
func (l *loop) pump(r *Relay, from int) {
	f, src, dst := &r.flows[from], &r.ends[from], &r.ends[1-from]
	for range share {
		if r.err != nil || f.ended || len(f.rest) > 0 && !l.drain(r, from) || !src.readable {
			return
		}
		n, err := recv(src.fd, l.buf)
		switch {
		case err == unix.EAGAIN:
			src.readable = false
		case err != nil:
			r.err = os.NewSyscallError("read", err)
		case n == 0:
			f.ended = true
			err = unix.Shutdown(dst.fd, unix.SHUT_WR)
			if err != nil && err != unix.ENOTCONN {
				r.err = os.NewSyscallError("shutdown", err)
			}
		default:
			// A short read has emptied the socket: the next byte comes with an
			// event. That saves every second read.
			src.readable = n == len(l.buf) || src.thorough
			if f.tell != nil {
				f.tell(l.buf[:n])
			}
			l.send(r, from, l.buf[:n])
		}
	}
	if !r.queued && src.readable {
		r.queued = true
		l.again = append(l.again, r)
	}
}

// drain sends what is left of the last read, and reports whether all of it went.
func (l *loop) drain(r *Relay, from int) bool {
	rest := r.flows[from].rest
	r.flows[from].rest = nil
	l.send(r, from, rest)
	return len(r.flows[from].rest) == 0
}

// send writes b to the end opposite to from and keeps what that does not take.
func (l *loop) send(r *Relay, from int, b []byte) {
	f, dst := &r.flows[from], &r.ends[1-from]
	for len(b) > 0 {
		n, err := send(dst.fd, b)
		if err == unix.EAGAIN {
			f.rest = append([]byte(nil), b...)
			l.await(r, 1-from, true)
			return
		}
		if err != nil {
			r.err = os.NewSyscallError("write", err)
			return
		}
		f.moved += int64(n)
		b = b[n:]
	}
	l.await(r, 1-from, false)
}

// recv and send are for sockets that do not block. So the scheduler is not told:
// telling it costs a tenth of such a call.
func recv(fd int, b []byte) (int, error) {
	return transfer(unix.SYS_RECVFROM, fd, b, unix.MSG_DONTWAIT)
}

func send(fd int, b []byte) (int, error) {
	return transfer(unix.SYS_SENDTO, fd, b, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
}

func transfer(call uintptr, fd int, b []byte, flags uintptr) (int, error) {
	for {
		n, _, err := unix.RawSyscall6(call, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), flags, 0, 0)
		switch err {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, err
		}
	}
}
