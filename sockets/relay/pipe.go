package relay

import (
	"sync"

	"golang.org/x/sys/unix"
)

// pipe is the kernel buffer that splice(2) needs between two sockets. A flow
// takes one when it has much to move and gives it back when its source has run
// dry, so that idle connections cost nothing.
type pipe struct{ r, w int }

// pipeSize is how much a pipe holds: the default of pipe(7).
const pipeSize = 64 << 10

// keptPipes bounds how many empty pipes wait to be used again. Only streams
// that carry data at this moment hold one, so a few are enough.
const keptPipes = 64

// pipePool keeps empty pipes; making one costs more than moving a request.
var pipePool struct {
	sync.Mutex
	free []*pipe
}

// getPipe returns nil if there is none to be had; then one has to do without.
func getPipe() *pipe {
	pipePool.Lock()
	if n := len(pipePool.free); n > 0 {
		p := pipePool.free[n-1]
		pipePool.free = pipePool.free[:n-1]
		pipePool.Unlock()
		return p
	}
	pipePool.Unlock()
	var fds [2]int
	if unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK) != nil {
		return nil
	}
	return &pipe{fds[0], fds[1]}
}

// putPipe takes an empty pipe back.
func putPipe(p *pipe) {
	pipePool.Lock()
	if len(pipePool.free) < keptPipes {
		pipePool.free = append(pipePool.free, p)
		pipePool.Unlock()
		return
	}
	pipePool.Unlock()
	p.close()
}

func (p *pipe) close() {
	unix.Close(p.r)
	unix.Close(p.w)
}

// splice is splice(2) without waiting.
func splice(from, to, n int) (int, error) {
	const flags = unix.SPLICE_F_MOVE | unix.SPLICE_F_NONBLOCK
	for {
		m, _, err := unix.RawSyscall6(unix.SYS_SPLICE, uintptr(from), 0, uintptr(to), 0, uintptr(n), flags)
		switch err {
		case 0:
			return int(m), nil
		case unix.EINTR:
		default:
			return 0, err
		}
	}
}
