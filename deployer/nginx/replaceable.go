package nginx

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// fileRefusal says why a file cannot be replaced without losing something.
// Nothing was changed.
type fileRefusal struct {
	Path   string // symlinks followed
	Reason string
	hint   string
}

func (e *fileRefusal) Error() string { return e.Path + ": " + e.Reason }

// Hint says what to do next.
func (e *fileRefusal) Hint() string { return e.hint }

// Replaceable says why Replace would refuse the file, or could not write where it
// lies; nil if nothing is known to stand in the way. Nothing is written.
func Replaceable(path string) error {
	live, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Errorf("looking at %s: %w", path, err)
	}
	dir, err := os.Open(filepath.Dir(live))
	if err != nil {
		return err
	}
	defer dir.Close()
	r := replacement{dir: dir, path: live, base: filepath.Base(live)}
	file, err := r.open(r.base, unix.O_RDONLY, 0)
	if err != nil {
		return fmt.Errorf("looking at %s: %w", live, err)
	}
	defer file.Close()
	_, err = r.check(file)
	return err
}

// check refuses what a rename would not replace whole.
func (r replacement) check(old *os.File) (unix.Stat_t, error) {
	var st, dir unix.Stat_t
	if err := errors.Join(unix.Fstat(int(old.Fd()), &st), unix.Fstat(int(r.dir.Fd()), &dir)); err != nil {
		return st, err
	}
	attrs, err := attributes(r.dir, r.base)
	if err != nil {
		return st, err
	}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return st, r.refuse("not a regular file", "")
	case st.Nlink > 1:
		return st, r.refuse(fmt.Sprintf("has %d hard links, and replacing it would leave the other names with the old content", st.Nlink), "find the other names with: find / -xdev -samefile "+r.path)
	case attrs&unix.STATX_ATTR_MOUNT_ROOT != 0:
		return st, r.refuse("is a mount point of its own, which cannot be replaced by a rename", "see it with: findmnt "+r.path)
	case attrs&(unix.STATX_ATTR_IMMUTABLE|unix.STATX_ATTR_APPEND) != 0:
		return st, r.refuse("is marked immutable or append-only", "lift it with: chattr -i -a "+r.path)
	case st.Mode&0o002 != 0:
		return st, r.refuse("can be written by every user", "take that away with: chmod o-w "+r.path)
	case dir.Mode&0o002 != 0:
		return st, r.refuse("is in a directory where every user can write", "take that away with: chmod o-w "+filepath.Dir(r.path))
	}
	return st, r.checkDir()
}

// checkDir refuses a directory in which no file can be put in another's place.
func (r replacement) checkDir() error {
	attrs, err := attributes(r.dir, ".")
	if err != nil {
		return err
	}
	if attrs&(unix.STATX_ATTR_IMMUTABLE|unix.STATX_ATTR_APPEND) != 0 {
		return r.refuse("is in a directory that is marked immutable or append-only", "lift it with: chattr -i -a "+filepath.Dir(r.path))
	}
	switch err := unix.Faccessat(int(r.dir.Fd()), ".", unix.W_OK, 0); {
	case errors.Is(err, unix.EROFS):
		return r.refuse("is on a file system that is mounted read-only", "see it with: findmnt -T "+r.path)
	case err != nil:
		return r.refuse("is in a directory that cannot be written: "+err.Error(), "see it with: ls -ld "+filepath.Dir(r.path))
	}
	return nil
}

func (r replacement) refuse(reason, hint string) error {
	return &fileRefusal{Path: r.path, Reason: reason, hint: hint}
}

// attributes reads what stat does not show of a directory's entry: flags set
// by chattr, and whether something is mounted on it (statx(2)). A filesystem
// that does not know an attribute counts as not having it.
func attributes(dir *os.File, name string) (uint64, error) {
	var st unix.Statx_t
	err := unix.Statx(int(dir.Fd()), name, unix.AT_SYMLINK_NOFOLLOW, 0, &st)
	return st.Attributes & st.Attributes_mask, err
}
