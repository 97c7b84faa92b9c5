package sockets

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"edgeman/sockets/relay"
)

// DialUnix connects to the Unix socket at path. It never waits: a connection
// is in the listener's queue at once, and a full queue is an error.
func DialUnix(path string) (*relay.Conn, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	c, err := relay.Connect(fd, &unix.SockaddrUnix{Name: path})
	if err != nil {
		return nil, fmt.Errorf("dial unix %s: %w", path, err)
	}
	return c, nil
}
