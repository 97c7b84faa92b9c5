package state

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"edgeman/deployer/hint"
)

// ReadTrusted reads a file that nobody but root could have written: what it
// says will be done as root. also are other users who may have, by their ids.
func ReadTrusted(path string, also ...int) ([]byte, error) {
	f, err := openTrusted(path, also)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// Trusted judges a file as ReadTrusted does, without reading it.
func Trusted(path string, also ...int) error {
	f, err := openTrusted(path, also)
	if err != nil {
		return err
	}
	return f.Close()
}

// openTrusted judges the file by its descriptor, so what was judged is what is
// read, and it must not be a symbolic link. Whoever could rename a directory
// above it could put another file in its place, so those are judged too.
func openTrusted(path string, also []int) (*os.File, error) {
	// Non-blocking, or a named pipe would be waited for.
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ELOOP) {
		return nil, fmt.Errorf("%s is a symbolic link: name the file itself", path)
	}
	if err != nil {
		return nil, err
	}
	if err := judge(f, path, also); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func judge(f *os.File, path string, also []int) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return fmt.Errorf("stat %s: %w", path, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return fmt.Errorf("%s is not a regular file", path)
	}
	if err := onlyRoots(path, st, also); err != nil {
		return err
	}
	return trustedDirs(filepath.Dir(path), also)
}

// FollowTrusted is the file that path leads to by symbolic links that only root
// could have made; path itself when it is none.
func FollowTrusted(path string) (string, error) {
	for range 40 { // as the kernel
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return "", fmt.Errorf("stat %s: %w", path, err)
		}
		if st.Mode&unix.S_IFMT != unix.S_IFLNK {
			return path, nil
		}
		st.Mode = 0 // a link's says nothing
		if err := errors.Join(onlyRoots(path, st, nil), trustedDirs(filepath.Dir(path), nil)); err != nil {
			return "", err
		}
		target, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = target
	}
	return "", fmt.Errorf("%s: %w", path, unix.ELOOP)
}

// trustedDirs judges a directory as it is written and as it really is.
func trustedDirs(dir string, also []int) error {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	for _, d := range []string{dir, real} {
		if err := trustedDir(d, also); err != nil {
			return err
		}
	}
	return nil
}

// trustedDir judges a directory and all those above it.
func trustedDir(path string, also []int) error {
	for {
		var st unix.Stat_t
		if err := unix.Stat(path, &st); err != nil {
			return fmt.Errorf("stat %s: %w", path, err)
		}
		// In a sticky directory nobody can rename what is not theirs.
		if st.Mode&unix.S_ISVTX != 0 {
			st.Mode &^= 0o022
		}
		if err := onlyRoots(path, st, also); err != nil {
			return err
		}
		up := filepath.Dir(path)
		if up == path {
			return nil
		}
		path = up
	}
}

// onlyRoots refuses what belongs neither to root (or to this user, for tests)
// nor to one of also, and what others than its owner can write to. A group with
// its owner's number is the owner's own: some systems let it write by default.
func onlyRoots(path string, st unix.Stat_t, also []int) error {
	uid := int(st.Uid)
	if uid != 0 && uid != os.Geteuid() && !slices.Contains(also, uid) {
		return hint.With(fmt.Errorf("%s belongs to uid %d, not to root", path, uid), "chown root %s", path)
	}
	others := uint32(0o022)
	if slices.Contains(also, uid) && st.Gid == st.Uid {
		others = 0o002
	}
	if st.Mode&others != 0 {
		return hint.With(fmt.Errorf("%s can be written by others than its owner", path), "chmod go-w %s", path)
	}
	return nil
}
