package relay

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// loop moves the bytes of many connections on one thread, with an epoll(7)
// instance of its own. The runtime's poller wakes a goroutine, and often a
// thread, for each direction of each connection, and is woken itself for every
// answer that a client takes from its socket, because it asks for EPOLLOUT too.
type loop struct {
	epoll int
	event int // an eventfd(2) that wakes it

	mu     sync.Mutex // guards the rest, and everything of the relays
	relays []*Relay   // by their number; nil where it is free
	free   []int
	buf    []byte
	again  []*Relay // had more to move than one turn allows
	ended  []*Relay

	acceptors map[int32]*Acceptor
	incoming  []*Acceptor // have connections to accept
}

// loopCount is how many threads forward. The fewer there are, the more a thread
// finds to do each time it wakes: of two on two processors each slept between
// any two requests, which cost 40 microseconds a request instead of 23.
func loopCount() int { return max(1, runtime.NumCPU()/8) }

// loops are started when they are first needed.
var loops struct {
	sync.Mutex
	all  []*loop
	next atomic.Uint32
}

// pickLoop returns the loop for the next connection.
func pickLoop() (*loop, error) {
	n := int(loops.next.Add(1)) % loopCount()
	loops.Lock()
	defer loops.Unlock()
	for len(loops.all) <= n {
		l, err := newLoop()
		if err != nil {
			return nil, err
		}
		loops.all = append(loops.all, l)
	}
	return loops.all[n], nil
}

func newLoop() (*loop, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create1: %w", err)
	}
	l := &loop{epoll: fd, buf: make([]byte, bufferSize), acceptors: make(map[int32]*Acceptor)}
	if l.event, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	wake := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: wakeUp}
	if err := unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, l.event, &wake); err != nil {
		unix.Close(fd)
		unix.Close(l.event)
		return nil, fmt.Errorf("epoll_ctl: %w", err)
	}
	go l.run()
	return l, nil
}

// wakeUp stands for the eventfd where a relay's number would be.
const wakeUp = -1

// wake has the loop take its turn.
func (l *loop) wake() { _, _ = unix.Write(l.event, []byte{1, 0, 0, 0, 0, 0, 0, 0}) }

// run never ends.
func (l *loop) run() {
	events := make([]unix.EpollEvent, 64)
	for timeout := -1; ; {
		n, err := unix.EpollWait(l.epoll, events, timeout)
		if err != nil && err != unix.EINTR {
			panic(fmt.Sprintf("epoll_wait: %v", err)) // the descriptor is lost
		}
		l.mu.Lock()
		for _, e := range events[:max(n, 0)] {
			switch {
			case e.Fd >= 0:
				l.handle(e)
			case e.Fd != wakeUp && l.acceptors[e.Fd] != nil:
				l.incoming = append(l.incoming, l.acceptors[e.Fd])
			}
		}
		timeout = l.turn()
		ended := l.reap()
		incoming := l.incoming
		l.incoming = nil
		l.mu.Unlock()
		for _, r := range ended {
			r.done(r.flows[0].moved, r.flows[1].moved, r.err)
		}
		for _, a := range incoming {
			a.accept()
		}
	}
}

// watched are the events that every connection is registered for, once and
// edge-triggered. EPOLLOUT is not among them: a Unix socket reports it whenever
// the peer has read something.
const watched = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLPRI | unix.EPOLLET

// start moves what is there already and registers both ends. What is ready by
// then is reported too.
func (l *loop) start(r *Relay) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.free); n > 0 {
		r.id = l.free[n-1]
		l.free = l.free[:n-1]
	} else {
		r.id = len(l.relays)
		l.relays = append(l.relays, nil)
	}
	l.relays[r.id] = r
	l.pump(r, 0)
	r.registered = true
	for side := range r.ends {
		l.register(unix.EPOLL_CTL_ADD, r, side)
	}
	l.finish(r)
	if len(l.again)+len(l.ended) > 0 {
		l.wake()
	}
}

// cut ends the relay.
func (l *loop) cut(r *Relay) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !r.over {
		r.err = net.ErrClosed
		l.finish(r)
		l.wake()
	}
}

// await says whether to report it when the end takes data again.
func (l *loop) await(r *Relay, side int, on bool) {
	if r.ends[side].awaited == on {
		return
	}
	r.ends[side].awaited = on
	if r.registered {
		l.register(unix.EPOLL_CTL_MOD, r, side)
	}
}

func (l *loop) register(op int, r *Relay, side int) {
	e := unix.EpollEvent{Events: watched, Fd: int32(2*r.id + side)}
	if r.ends[side].awaited {
		e.Events |= unix.EPOLLOUT
	}
	if err := unix.EpollCtl(l.epoll, op, r.ends[side].fd, &e); err != nil && r.err == nil {
		r.err = fmt.Errorf("epoll_ctl: %w", err)
	}
}

// listen has the loop accept for a.
func (l *loop) listen(a *Acceptor) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for a.id = wakeUp - 1; l.acceptors[a.id] != nil; a.id-- {
	}
	e := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP, Fd: a.id}
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, a.fd, &e); err != nil {
		return os.NewSyscallError("epoll_ctl", err)
	}
	l.acceptors[a.id] = a
	return nil
}

func (l *loop) unlisten(a *Acceptor) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.acceptors, a.id)
	_ = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_DEL, a.fd, nil)
}

// handle brings one end's state up to date and moves what can be moved.
func (l *loop) handle(e unix.EpollEvent) {
	r, side := l.relays[e.Fd/2], int(e.Fd%2)
	if r == nil || r.over {
		return // ended in this very turn
	}
	end := &r.ends[side]
	if e.Events&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		end.readable = true
	}
	if e.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR|unix.EPOLLPRI) != 0 {
		end.thorough = true
	}
	if e.Events&(unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		end.gone = true
	}
	l.pump(r, side)
	if e.Events&(unix.EPOLLOUT|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		l.pump(r, 1-side)
	}
	l.finish(r)
}

// turn goes on with the relays that had more than their share to move, and
// returns how long the next wait may be.
func (l *loop) turn() int {
	busy := l.again
	l.again = nil
	for _, r := range busy {
		r.queued = false
		for side := range r.ends {
			l.pump(r, side)
		}
		l.finish(r)
	}
	if len(l.again) > 0 {
		return 0
	}
	return -1
}

// finish ends the relay if nothing more can come of it.
func (l *loop) finish(r *Relay) {
	if !r.over && r.finished() {
		r.over = true
		l.ended = append(l.ended, r)
	}
}

// reap closes what has ended in this turn. Until now their numbers and
// descriptors were not used again, so no event was mistaken for another's.
func (l *loop) reap() []*Relay {
	ended := l.ended
	l.ended = nil
	for _, r := range ended {
		r.close()
		l.relays[r.id] = nil
		l.free = append(l.free, r.id)
	}
	return ended
}

// Observer follows what Forward carries and changes nothing of it. Forward
// shows a piece before it passes the piece on, so whoever answers it comes
// later. A piece is only good during the call. Calls for one connection come
// one after the other. They must not block: other connections wait for their
// end.
type Observer interface {
	ToApp(piece []byte)
	ToClient(piece []byte)
	// Unseen tells of n bytes in the midst of a long run that were moved inside
	// the kernel. The run's beginning, and at least its last 16 KiB, are shown.
	Unseen(toClient bool, n int)
}
