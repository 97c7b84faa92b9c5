package count

import (
	"errors"
	"fmt"
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
