package nginx

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// copyXattrs makes the extended attributes of the file dst those of src: user
// attributes, POSIX ACLs and the SELinux label. What the new file got from a
// default ACL of its directory and the old one does not have is removed.
func copyXattrs(src, dst int) error {
	want, err := listXattrs(src)
	if err != nil {
		return fmt.Errorf("reading extended attributes: %w", err)
	}
	have, err := listXattrs(dst)
	if err != nil {
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
