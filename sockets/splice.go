package sockets

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// spliceAll moves bytes from src to dst until src ends, without copying them
// through this process. The net package can do that too, but it holds a pipe,
// which is two descriptors, for as long as a connection lives. Here a pipe is
// taken when there is something to move and given back before waiting for
// more, so that idle connections cost nothing. tell, if not nil, is told of
// every piece before it is passed on.
func spliceAll(dst, src syscall.RawConn, tell func([]byte, int)) (total int64, err error) {
	f := filler{tell: tell}
	// Made once, so that waiting and moving allocate nothing.
	fill, drain := f.fill, f.drain
	for {
		// Read fails by itself when the connection is closed or was woken. It
		// may not have called fill then, so the pipe of the last round is held.
		if err := src.Read(fill); err != nil {
			f.err = err
		}
		if f.err != nil || f.held == 0 {
			return total, f.release()
		}
		n := int64(f.held)
		if err := dst.Write(drain); err != nil {
			f.err = err
		}
		total += n - int64(f.held)
		if f.err != nil {
			return total, f.release()
		}
	}
}

// filler is one direction at work. Its functions are called by the runtime's
// poller: they return false to wait until the descriptor is ready.
type filler struct {
	pipe  pipe
	inUse bool
	held  int // bytes in the pipe
	err   error
	tell  func(first []byte, n int)
}

// fill splices from the source into the pipe. With no error and nothing held
// the source has ended.
func (f *filler) fill(fd uintptr) bool {
	if f.tell == nil {
		return f.splice(fd)
	}
	look := looks.Get().(*[lookLen]byte)
	defer looks.Put(look)
	n, err := peek(int(fd), look[:])
	if err == unix.EAGAIN {
		f.err = f.release()
		return false
	}
	if err != nil { // it is reported once, so splice would see an end
		f.err = os.NewSyscallError("recvfrom", err)
		return true
	}
	done := f.splice(fd)
	if f.err == nil && f.held > 0 {
		f.tell(look[:min(n, f.held)], f.held)
	}
	return done
}

// splice is fill without telling.
func (f *filler) splice(fd uintptr) bool {
	if !f.inUse {
		if f.pipe, f.err = getPipe(); f.err != nil {
			return true
		}
		f.inUse = true
	}
	f.held, f.err = move(int(fd), f.pipe.w, pipeSize)
	if f.err == unix.EAGAIN {
		// The pipe is empty: everything was drained before.
		f.err = f.release()
		return false
	}
	f.err = os.NewSyscallError("splice", f.err)
	return true
}

// drain splices all that is held into the destination. It never asks for more
// than that: the kernel would take it as a hint that more will follow at once,
// and hold a last small segment back.
func (f *filler) drain(fd uintptr) bool {
	for f.held > 0 {
		n, err := move(f.pipe.r, int(fd), f.held)
		if err == unix.EAGAIN {
			return false
		}
		if err == nil && n == 0 {
			err = errors.New("nothing moved")
		}
		if err != nil {
			f.err = os.NewSyscallError("splice", err)
			return true
		}
		f.held -= n
	}
	return true
}

// release gives the pipe back, or closes it if bytes are left in it, and
// returns the error that ended the work.
func (f *filler) release() error {
	if f.inUse && f.held > 0 {
		f.pipe.close()
	} else if f.inUse {
		putPipe(f.pipe)
	}
	f.inUse, f.held = false, 0
	if f.err == unix.EAGAIN {
		return nil
	}
	return f.err
}

// move is splice(2) without waiting.
func move(from, to, n int) (int, error) {
	for {
		m, err := unix.Splice(from, nil, to, nil, n, unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
		if err != unix.EINTR {
			return int(max(m, 0)), err
		}
	}
}
