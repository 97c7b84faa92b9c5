package sockets

import (
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Observer follows what Forward carries and changes nothing of it. Forward
// tells of a piece before it passes the piece on, so whoever answers it comes
// later. n is the length of the piece; first are its first bytes, all of them
// unless it is long, and only good during the call. Whenever bytes have gone
// the other way since the last call, first holds as much of the piece as there
// is, up to 4 KiB; in a longer run it may be empty, for bytes that did not pass
// through this process. Calls for one direction come one after the other, and
// at the same time as those for the other direction.
type Observer interface {
	ToApp(first []byte, n int)
	ToClient(first []byte, n int)
}

// lookLen is how much of a piece an observer is shown.
const lookLen = 4096

// looks keeps the buffers for that: a connection holds one only while a piece
// is on its way.
var looks = sync.Pool{New: func() any { return new([lookLen]byte) }}

// peek reads the first bytes that wait in fd and leaves them there.
func peek(fd int, into []byte) (int, error) {
	for {
		n, _, err := unix.Recvfrom(fd, into, unix.MSG_PEEK|unix.MSG_DONTWAIT)
		if err != syscall.EINTR {
			return max(n, 0), err
		}
	}
}
