package count

import (
	"errors"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

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
