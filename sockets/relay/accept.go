package relay

import (
	"errors"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// ErrDead means that somebody who holds the listener called shutdown(2) on it.
// No further connection can arrive, and listen(2) does not revive a Unix
// socket: only a new one helps.
var ErrDead = errors.New("listening socket was shut down")

// Listens reports whether connections can still arrive on the listening socket
// fd. shutdown(SHUT_RD), which is enough to refuse every connect, shows as RDHUP
// only; SHUT_RDWR as HUP too.
func Listens(fd int) bool {
	return polled(uintptr(fd), unix.POLLRDHUP)&(unix.POLLHUP|unix.POLLRDHUP) == 0
}

// Acceptor accepts from a listening socket in a loop.
type Acceptor struct {
	loop   *loop
	fd     int
	id     int32
	take   func(*Conn) bool
	result chan error

	mu   sync.Mutex // held while it accepts
	over bool
}

// Accept calls take for every connection to the listening socket fd, until take
// says that it wants no more. fd must be in non-blocking mode, and stay open
// until accepting has ended. take must not block: it is called where [Forward]
// moves bytes.
func Accept(fd int, take func(*Conn) (more bool)) (*Acceptor, error) {
	l, err := pickLoop()
	if err != nil {
		return nil, err
	}
	a := &Acceptor{loop: l, fd: fd, take: take, result: make(chan error, 1)}
	return a, l.listen(a)
}

// Result gives, once, why accepting has ended: nil if take wanted no more, the
// error of [Acceptor.Stop], [ErrDead], or what kept accept(2) from it.
func (a *Acceptor) Result() <-chan error { return a.result }

// acceptBatch bounds how many connections are accepted before those that are
// there already get their turn.
const acceptBatch = 16

// accept takes in what is queued.
func (a *Acceptor) accept() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for range acceptBatch {
		if a.over {
			return
		}
		fd, _, err := unix.Syscall6(unix.SYS_ACCEPT4, uintptr(a.fd), 0, 0, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
		switch err {
		case 0:
			if !a.take(&Conn{fd: int(fd)}) {
				a.end(nil)
			}
		case unix.EINTR, unix.ECONNABORTED:
		case unix.EAGAIN:
			// On a dead Unix socket accept(2) would find nothing, for ever.
			if !Listens(a.fd) {
				a.end(ErrDead)
			}
			return
		default:
			a.end(os.NewSyscallError("accept4", err))
		}
	}
}

// Stop ends accepting with err; nothing is under way when it returns.
func (a *Acceptor) Stop(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.over {
		a.end(err)
	}
}

func (a *Acceptor) end(err error) {
	a.over = true
	a.loop.unlisten(a)
	a.result <- err
}
