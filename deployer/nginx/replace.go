package nginx

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"edgeman/deployer/poll"
)

// errChanged means that a file no longer holds the content a change was made
// for; nothing was written.
var errChanged = errors.New("changed since it was read")

// Replace gives a configuration file new content in one atomic rename. The
// path may be a symlink, which stays; its target is replaced and keeps owner,
// group, mode and extended attributes. The file's sha256 must be before, or
// already that of after, which is success without a change. After an error
// the file is as it was, except when the error is about syncing the directory.
//
// The new content is written to a file in the same directory whose name
// starts with a dot, which no include pattern of nginx matches; one that a
// killed process left behind is removed. Calls for one directory wait for
// each other, in other processes too, until ctx ends.
func Replace(ctx context.Context, path string, before [sha256.Size]byte, after []byte) error {
	live, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Errorf("replacing %s: %w", path, err)
	}
	dir, err := lockDir(ctx, filepath.Dir(live))
	if err != nil {
		return fmt.Errorf("replacing %s: %w", live, err)
	}
	defer dir.Close() // gives up the lock
	r := replacement{dir: dir, path: live, base: filepath.Base(live), before: before, after: after}
	err = r.run()
	if err != nil && !errors.As(err, new(*fileRefusal)) { // which names the file
		return fmt.Errorf("replacing %s: %w", live, err)
	}
	return err
}

// replacement is one run of Replace. Everything happens relative to the
// directory that was opened and locked, so nobody who can rename above it
// sends root's write elsewhere.
type replacement struct {
	dir        *os.File
	path, base string
	before     [sha256.Size]byte
	after      []byte
}

func (r replacement) run() error {
	old, err := r.open(r.base, unix.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer old.Close()
	st, err := r.check(old)
	if err != nil {
		return err
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, old); err != nil {
		return err
	}
	switch [sha256.Size]byte(sum.Sum(nil)) {
	case sha256.Sum256(r.after):
		return nil
	case r.before:
	default:
		return errChanged
	}
	temp := temporary(r.path)
	if err := r.write(temp, old, st); err != nil {
		_ = unix.Unlinkat(int(r.dir.Fd()), temp, 0)
		return err
	}
	if err := r.rename(temp, st); err != nil {
		_ = unix.Unlinkat(int(r.dir.Fd()), temp, 0)
		return err
	}
	if err := r.dir.Sync(); err != nil {
		return fmt.Errorf("syncing the directory after the rename: %w", err)
	}
	return nil
}

// write makes the temporary file. The owner comes before the mode, because a
// change of owner clears mode bits, and attributes come last, because a mode
// change rewrites an ACL's mask.
func (r replacement) write(temp string, old *os.File, st unix.Stat_t) error {
	if err := unix.Unlinkat(int(r.dir.Fd()), temp, 0); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("removing a leftover %s: %w", temp, err)
	}
	f, err := r.open(temp, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("creating %s: %w", temp, err)
	}
	defer f.Close()
	if err := f.Chown(int(st.Uid), int(st.Gid)); err != nil {
		return fmt.Errorf("keeping the owner: %w", err)
	}
	if err := unix.Fchmod(int(f.Fd()), st.Mode&0o7777); err != nil {
		return fmt.Errorf("keeping the mode: %w", err)
	}
	if err := copyXattrs(int(old.Fd()), int(f.Fd())); err != nil {
		return err
	}
	if _, err := f.Write(r.after); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return f.Close()
}

// rename puts the new file in place if the name still leads to the file that
// was read, unwritten since.
func (r replacement) rename(temp string, st unix.Stat_t) error {
	var now unix.Stat_t
	if err := unix.Fstatat(int(r.dir.Fd()), r.base, &now, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if now.Dev != st.Dev || now.Ino != st.Ino || now.Ctim != st.Ctim || now.Size != st.Size {
		return errChanged
	}
	err := unix.Renameat(int(r.dir.Fd()), temp, int(r.dir.Fd()), r.base)
	if errors.Is(err, unix.EBUSY) {
		return r.refuse("is busy: something is mounted on it", "see it with: findmnt "+r.path)
	}
	return err
}

func (r replacement) open(name string, flags int, mode uint32) (*os.File, error) {
	fd, err := unix.Openat(int(r.dir.Fd()), name, flags|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, mode)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), filepath.Join(r.dir.Name(), name)), nil
}

// lockLimit bounds the wait for another replacement in the same directory, which
// takes milliseconds.
const lockLimit = 30 * time.Second

// lockDir opens a directory and takes the lock on it.
func lockDir(ctx context.Context, path string) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	dir := os.NewFile(uintptr(fd), path)
	ctx, cancel := poll.Bounded(ctx, lockLimit)
	defer cancel()
	err = poll.Until(ctx, poll.DoneDecides, 20*time.Millisecond, func() (bool, error) {
		err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
		if errors.Is(err, unix.EWOULDBLOCK) {
			return false, nil
		}
		return true, err
	})
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("another process holds a lock on it: %w", err)
	}
	if err != nil {
		dir.Close()
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	return dir, nil
}

// Tidy removes what a Replace of the file that was killed has left beside it. A
// file that is gone has nothing beside it.
func Tidy(ctx context.Context, path string) error {
	live, err := filepath.EvalSymlinks(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("tidying up beside %s: %w", path, err)
	}
	dir, err := lockDir(ctx, filepath.Dir(live))
	if err != nil {
		return fmt.Errorf("tidying up beside %s: %w", live, err)
	}
	defer dir.Close()
	if err := unix.Unlinkat(int(dir.Fd()), temporary(live), 0); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("removing a leftover %s: %w", temporary(live), err)
	}
	return nil
}

// temporary is the name of the file that is to take a file's place.
func temporary(path string) string { return "." + filepath.Base(path) + ".edgeman" }

// copyXattrs makes the extended attributes of the file dst those of src: user
// attributes, POSIX ACLs and the SELinux label. What the new file got from a
// default ACL of its directory and the old one does not have is removed.
func copyXattrs(src, dst int) error {
	want, wantErr := listXattrs(src)
	have, haveErr := listXattrs(dst)
	if err := errors.Join(wantErr, haveErr); err != nil {
		return fmt.Errorf("reading extended attributes: %w", err)
	}
	for _, name := range have {
		if slices.Contains(want, name) || name == "security.selinux" {
			continue
		}
		if err := unix.Fremovexattr(dst, name); err != nil {
			return fmt.Errorf("removing the extended attribute %s: %w", name, err)
		}
	}
	for _, name := range want {
		if err := copyXattr(src, dst, name); err != nil {
			return fmt.Errorf("keeping the extended attribute %s: %w", name, err)
		}
	}
	return nil
}

func copyXattr(src, dst int, name string) error {
	value, err := getXattr(src, name)
	if err != nil {
		return err
	}
	if now, err := getXattr(dst, name); err == nil && bytes.Equal(now, value) {
		return nil // a label that is right already may not be ours to set
	}
	return unix.Fsetxattr(dst, name, value, 0)
}

// listXattrs leaves out the kernel's own hashes and signatures of a file's
// content, which are wrong for any other content.
func listXattrs(fd int) ([]string, error) {
	raw, err := sized(func(buf []byte) (int, error) { return unix.Flistxattr(fd, buf) })
	if errors.Is(err, unix.ENOTSUP) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	names := strings.FieldsFunc(string(raw), func(r rune) bool { return r == 0 })
	return slices.DeleteFunc(names, func(n string) bool { return n == "security.ima" || n == "security.evm" }), nil
}

func getXattr(fd int, name string) ([]byte, error) {
	return sized(func(buf []byte) (int, error) { return unix.Fgetxattr(fd, name, buf) })
}

// sized calls get with a buffer of the largest size that Linux allows for an
// attribute or a list of them (xattr(7)).
func sized(get func([]byte) (int, error)) ([]byte, error) {
	buf := make([]byte, 64<<10)
	n, err := get(buf)
	if err != nil {
		return nil, err
	}
	return buf[:n], nil
}
