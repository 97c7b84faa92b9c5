package state

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// readTrusted reads a file that nobody but root could have written: what it
// says will be done as root. The file is judged by its descriptor, so what was
// judged is what is read, and it must not be a symbolic link. Whoever could
// rename a directory above it could put another file in its place, so those
// are judged too.
func readTrusted(path string) ([]byte, error) {
	// Non-blocking, or a named pipe would be waited for.
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ELOOP) {
		return nil, fmt.Errorf("%s is a symbolic link: name the file itself", path)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return nil, fmt.Errorf("stat %s: %w", path, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	if err := onlyRoots(path, st, false); err != nil {
		return nil, err
	}
	dir := filepath.Dir(path)
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, err
	}
	for _, d := range []string{dir, real} {
		if err := trustedDir(d); err != nil {
			return nil, err
		}
	}
	return io.ReadAll(f)
}

// trustedDir judges a directory and all those above it.
func trustedDir(path string) error {
	for {
		var st unix.Stat_t
		if err := unix.Stat(path, &st); err != nil {
			return fmt.Errorf("stat %s: %w", path, err)
		}
		// In a sticky directory nobody can rename what is not theirs.
		if err := onlyRoots(path, st, st.Mode&unix.S_ISVTX != 0); err != nil {
			return err
		}
		up := filepath.Dir(path)
		if up == path {
			return nil
		}
		path = up
	}
}

// onlyRoots refuses what does not belong to root (or to this user, for tests),
// and, unless it is sticky, what others than its owner can write to.
func onlyRoots(path string, st unix.Stat_t, sticky bool) error {
	if st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to uid %d, not to root\nhint: chown root %s", path, st.Uid, path)
	}
	if st.Mode&0o022 != 0 && !sticky {
		return fmt.Errorf("%s can be written by others than its owner\nhint: chmod go-w %s", path, path)
	}
	return nil
}
