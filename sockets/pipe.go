package sockets

import (
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// pipe is the kernel buffer that splice(2) needs between two sockets.
type pipe struct{ r, w int }

// pipeSize is how much a pipe holds: the default of pipe(7).
const pipeSize = 64 << 10

// keptPipes bounds how many empty pipes wait to be used again. Only streams
// that carry data at this moment hold one, so a few are enough.
const keptPipes = 64

// pipePool keeps empty pipes; making one costs more than moving a request.
var pipePool struct {
	sync.Mutex
	free []pipe
}

func getPipe() (pipe, error) {
	pipePool.Lock()
	if n := len(pipePool.free); n > 0 {
		p := pipePool.free[n-1]
		pipePool.free = pipePool.free[:n-1]
		pipePool.Unlock()
		return p, nil
	}
	pipePool.Unlock()
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return pipe{}, os.NewSyscallError("pipe2", err)
	}
	return pipe{fds[0], fds[1]}, nil
}

// putPipe takes an empty pipe back.
func putPipe(p pipe) {
	pipePool.Lock()
	if len(pipePool.free) < keptPipes {
		pipePool.free = append(pipePool.free, p)
		pipePool.Unlock()
		return
	}
	pipePool.Unlock()
	p.close()
}

func (p pipe) close() {
	unix.Close(p.r)
	unix.Close(p.w)
}
