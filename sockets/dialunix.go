package sockets

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// DialUnix connects to the Unix socket at path. It never waits: a connection
// is in the listener's queue at once, and a full queue is an error.
func DialUnix(path string) (*Conn, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("dial unix %s: %w", path, os.NewSyscallError("connect", err))
	}
	return &Conn{fd: fd}, nil
}
