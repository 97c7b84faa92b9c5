package sockets

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// AwaitConnection waits until a connection is in the queue, and leaves it there.
func (l *Listener) AwaitConnection(ctx context.Context) error { return l.await(ctx, unix.EPOLLIN) }

// AwaitDeath waits until the socket has been shut down. Connections do not wake
// it, so it costs nothing while others accept.
func (l *Listener) AwaitDeath(ctx context.Context) error { return l.await(ctx, unix.EPOLLRDHUP) }

// await waits for events, and for the end of the socket in any case. It has an
// epoll(7) of its own: the net package's waits for connections all the time.
func (l *Listener) await(ctx context.Context, events uint32) error {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // so that the runtime waits for it
		unix.Close(fd)
		return err
	}
	f := os.NewFile(uintptr(fd), "epoll")
	defer f.Close()
	err = l.control("epoll_ctl", func(listener int) error {
		return unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, listener, &unix.EpollEvent{Events: events})
	})
	if err != nil {
		return err
	}
	rc, err := f.SyscallConn()
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Unix(1, 0)) })()
	var waitErr error
	err = rc.Read(func(fd uintptr) bool {
		n, err := unix.EpollWait(int(fd), make([]unix.EpollEvent, 1), 0)
		if errors.Is(err, unix.EINTR) {
			return false
		}
		waitErr = err
		return n > 0 || err != nil
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return errors.Join(err, waitErr)
}
