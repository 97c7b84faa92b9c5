package count

import (
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// Activity reports whether anybody has connected to the socket at path since the
// last call, or since the socket was made, whoever accepted it. connect(2)
// updates the time of the socket file's last access, and Activity sets it back.
// On a file system that keeps no such times it is an error.
func Activity(path string) (bool, error) {
	var fs unix.Statfs_t
	var st unix.Stat_t
	if err := errors.Join(unix.Statfs(path, &fs), unix.Lstat(path, &st)); err != nil {
		return false, fmt.Errorf("reading the times of %s: %w", path, err)
	}
	if fs.Flags&unix.ST_NOATIME != 0 {
		return false, fmt.Errorf("%s is on a file system that is mounted noatime: whether anybody connects to it cannot be seen", path)
	}
	// Older than its other times: then relatime updates it at the next connect.
	never := []unix.Timespec{{}, {Nsec: unix.UTIME_OMIT}}
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, path, never, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return false, os.NewSyscallError("utimensat", err)
	}
	return st.Atim.Nano() != 0, nil
}

// From linux/unix_diag.h.
const (
	udiagShowPeer = 0x04
	unixDiagPeer  = 2 // attribute: inode of the other end
)

// Accepted tells whether the server has taken the connection that client made
// out of its listener's queue. Until it does, its end has no inode.
func Accepted(client *net.UnixConn) (bool, error) {
	rc, err := client.SyscallConn()
	if err != nil {
		return false, err
	}
	var st unix.Stat_t
	var statErr error
	if err := rc.Control(func(fd uintptr) { statErr = unix.Fstat(int(fd), &st) }); err != nil {
		return false, err
	}
	if statErr != nil {
		return false, os.NewSyscallError("fstat", statErr)
	}
	var peer uint32
	found := false
	req := diagRequest{inode: uint32(st.Ino), states: 1 << tcpEstablished, show: udiagShowPeer}
	err = req.run(0, func(row diagRow) { peer, found = row.peer, true })
	if err == nil && !found {
		err = errors.New("the kernel reported no such connection")
	}
	return peer != 0, err
}
