package count

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Connections is the kernel's own count of the connections of listening sockets.
type Connections struct {
	Established int // accepted, and not yet closed by both sides' holders
	Queued      int // connected, waiting to be accepted
}

// Total returns all connections, queued ones included.
func (c Connections) Total() int { return c.Established + c.Queued }

// Unix counts the connections to the Unix sockets that are bound to paths in
// dir, whoever accepted them: the server's end of a connection carries the
// listener's path for as long as any process holds it. The kernel files an
// accepted socket under the network namespace of its client, so the count is
// right in the namespace of the clients, nginx's. It reads sock_diag(7), and
// /proc/net/unix where the kernel cannot load unix_diag.
func Unix(dir string) (sum Connections, err error) {
	each, err := UnixEach(dir)
	for _, c := range each {
		sum.Established += c.Established
		sum.Queued += c.Queued
	}
	return sum, err
}

// UnixEach is Unix socket by socket, by the names of their files. All are counted
// in one moment.
func UnixEach(dir string) (map[string]Connections, error) {
	each, err := diagConnections(dir)
	if err == nil {
		return each, nil
	}
	each, procErr := unixFromProc(dir)
	if procErr != nil {
		return nil, fmt.Errorf("counting connections in %s: %w", dir, errors.Join(err, procErr))
	}
	return each, nil
}

func unixFromProc(dir string) (map[string]Connections, error) {
	f, err := os.Open(filepath.Join(own, "net/unix"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return countUnix(f, dir)
}

func countUnix(table io.Reader, dir string) (map[string]Connections, error) {
	each := tally{}
	err := ReadUnix(table, func(s UnixSocket) {
		switch {
		case s.Queued:
			each.add(dir, s.Path, Connections{Queued: 1})
		case s.Connected:
			each.add(dir, s.Path, Connections{Established: 1})
		}
	})
	return each, err
}

// tally counts by the names of sockets' files.
type tally map[string]Connections

// add counts those of the socket at path if it is in dir.
func (t tally) add(dir, path string, c Connections) {
	name, ok := strings.CutPrefix(path, dir+"/")
	if !ok || strings.Contains(name, "/") {
		return
	}
	was := t[name]
	t[name] = Connections{Established: was.Established + c.Established, Queued: was.Queued + c.Queued}
}

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
