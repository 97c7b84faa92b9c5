package relay

import (
	"bytes"
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
// o, if not nil, is shown what passes.
//
// A connection on which no data flows costs neither a goroutine nor a buffer.
func Forward(client, app *Conn, o Observer, done func(sent, received int64, err error)) *Relay {
	r := &Relay{done: done}
	if o != nil {
		r.flows[0].show, r.flows[1].show = o.ToApp, o.ToClient
		r.unseen = o.Unseen
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

	unseen func(toClient bool, n int)

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
	return n + len(r.flows[1].rest) + r.flows[1].held
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
	pipe  *pipe              // not nil: bytes are spliced, through it
	held  int                // bytes in the pipe
	ended bool               // the source's end was passed on
	show  func(piece []byte) // nil: nobody watches
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
	for i := range r.ends {
		_ = unix.Close(r.ends[i].fd)
		if f := &r.flows[i]; f.held > 0 {
			f.pipe.close()
		} else {
			f.dropPipe()
		}
	}
}

const (
	// bufferSize is what one read takes. For less than that one read and one
	// write cost less than three splices. A flow that fills it is spliced from
	// there on: an answer of 4 MB then costs 2.1 ms and not 7.
	bufferSize = 16 << 10
	// share is how many reads in a row one connection may do.
	share = 16
)

// pump moves what end number from has for the other end.
func (l *loop) pump(r *Relay, from int) {
	f, src := &r.flows[from], &r.ends[from]
	for range share {
		if r.err != nil || f.ended || !l.drain(r, from) || !src.readable {
			return
		}
		n, err := l.fill(r, from)
		switch {
		case err == unix.EAGAIN:
			src.readable = false
			f.dropPipe()
			return
		case err != nil:
			r.err = os.NewSyscallError("read", err)
		case n == 0:
			f.ended = true
			err = unix.Shutdown(r.ends[1-from].fd, unix.SHUT_WR)
			if err != nil && err != unix.ENOTCONN {
				r.err = os.NewSyscallError("shutdown", err)
			}
		}
	}
	if !r.queued {
		r.queued = true
		l.again = append(l.again, r)
	}
}

// fill reads once from end number from and keeps the bytes in the flow. The
// last of a long run is read and not spliced, and so is what comes after an
// answer from the other side: an observer sees both.
func (l *loop) fill(r *Relay, from int) (n int, err error) {
	f, src := &r.flows[from], &r.ends[from]
	if f.pipe != nil {
		if waiting, _ := unix.IoctlGetInt(src.fd, unix.SIOCINQ); waiting >= 2*bufferSize {
			n, err = splice(src.fd, f.pipe.w, min(waiting-bufferSize, pipeSize))
			f.held = n
			if n > 0 && r.unseen != nil {
				r.unseen(from == 1, n)
			}
			return n, err
		}
		f.dropPipe()
	}
	n, err = recv(src.fd, l.buf)
	if n == 0 || err != nil {
		return n, err
	}
	if n == len(l.buf) {
		f.pipe = getPipe()
	} else if !src.thorough {
		// A short read has emptied the socket: the next byte comes with an event.
		// That saves every second read.
		src.readable = false
	}
	if f.show != nil {
		f.show(l.buf[:n])
	}
	r.flows[1-from].dropPipe()
	l.send(r, from, l.buf[:n])
	return n, nil
}

// drain passes on what the flow keeps, and reports whether all of it went.
func (l *loop) drain(r *Relay, from int) bool {
	f := &r.flows[from]
	if rest := f.rest; len(rest) > 0 {
		f.rest = nil
		l.send(r, from, rest)
	}
	for f.held > 0 && len(f.rest) == 0 && r.err == nil {
		// Never more than there is: the kernel would take it as a hint that more
		// follows at once, and hold a last small segment back.
		n, err := splice(f.pipe.r, r.ends[1-from].fd, f.held)
		if err == nil && n == 0 {
			err = unix.EIO // nothing moved, and nothing would
		}
		l.sent(r, from, n, err)
		if err != nil {
			break
		}
	}
	return len(f.rest)+f.held == 0 && r.err == nil
}

// send writes b to the end opposite to from and keeps what that does not take.
func (l *loop) send(r *Relay, from int, b []byte) {
	for len(b) > 0 {
		n, err := send(r.ends[1-from].fd, b)
		l.sent(r, from, n, err)
		if err == unix.EAGAIN {
			r.flows[from].rest = bytes.Clone(b)
		}
		if err != nil {
			return
		}
		b = b[n:]
	}
}

// sent takes note of what the end opposite to from took.
func (l *loop) sent(r *Relay, from, n int, err error) {
	f := &r.flows[from]
	f.moved += int64(n)
	f.held -= min(n, f.held)
	if err != nil && err != unix.EAGAIN {
		r.err = os.NewSyscallError("write", err)
		return
	}
	l.await(r, 1-from, err != nil)
}

// dropPipe goes back to reading, once nothing is held.
func (f *flow) dropPipe() {
	if f.pipe != nil && f.held == 0 {
		putPipe(f.pipe)
		f.pipe = nil
	}
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
