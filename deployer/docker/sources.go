package docker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"golang.org/x/sys/unix"
)

// sources tells of every path of the host that the container has mounted what
// it is there now; "" when it is gone.
func (c *Client) sources(in container.InspectResponse) (map[string]string, error) {
	out := map[string]string{}
	for _, m := range in.Mounts {
		if m.Type != mount.TypeBind {
			continue
		}
		kind, err := c.sys.kind(m.Source)
		if err != nil {
			return nil, err
		}
		out[m.Source] = kind
	}
	return out, nil
}

// kindOf is what a path of the host leads to.
func kindOf(path string) (string, error) {
	fi, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR):
		return "", nil
	case err != nil:
		return "", err
	case fi.IsDir():
		return "directory", nil
	case fi.Mode().IsRegular():
		return "file", nil
	case fi.Mode()&fs.ModeSocket != 0:
		return "socket", nil
	}
	return "special file", nil
}

// gone says which paths of the host are not what they were.
func gone(were, are map[string]string) []string {
	var out []string
	for _, path := range slices.Sorted(maps.Keys(are)) {
		switch was, is := were[path], are[path]; {
		case is == "":
			out = append(out, path+" is mounted into it and is gone from this host")
		case was != "" && was != is:
			out = append(out, fmt.Sprintf("%s is mounted into it, was a %s and is a %s now", path, was, is))
		}
	}
	return out
}

// SourcesGone says which paths of the host that stored settings mount are gone,
// or are something else than they were. The container that is made of them
// would start with an empty directory in their place, or with none.
func SourcesGone(stored json.RawMessage) ([]string, error) {
	s, err := parseSettings(stored)
	if err != nil {
		return nil, err
	}
	var mounts []mount.Mount
	var binds []string
	if err := errors.Join(s.HostConfig.get("Mounts", &mounts), s.HostConfig.get("Binds", &binds)); err != nil {
		return nil, fmt.Errorf("read the stored settings: %w", err)
	}
	var paths []string
	for _, m := range mounts {
		if m.Type == mount.TypeBind {
			paths = append(paths, m.Source)
		}
	}
	for _, b := range binds {
		if source, _, _ := strings.Cut(b, ":"); strings.HasPrefix(source, "/") {
			paths = append(paths, source)
		}
	}
	return goneNow(s.Sources, paths)
}

// OriginalSourcesGone is SourcesGone for a stored inspect answer.
func (c *Client) OriginalSourcesGone(raw json.RawMessage) ([]string, error) {
	in, err := readInspect(raw)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, m := range in.Mounts {
		if m.Type == mount.TypeBind {
			paths = append(paths, m.Source)
		}
	}
	return goneNow(nil, paths)
}

func goneNow(were map[string]string, paths []string) ([]string, error) {
	are := map[string]string{}
	for _, path := range paths {
		kind, err := kindOf(path)
		if err != nil {
			return nil, err
		}
		are[path] = kind
	}
	return gone(were, are), nil
}

// born is when a file was made, as the file system remembers it.
func born(path string) (time.Time, error) {
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_BTIME, &st)
	if err != nil || st.Mask&unix.STATX_BTIME == 0 {
		return time.Time{}, err
	}
	return time.Unix(st.Btime.Sec, int64(st.Btime.Nsec)), nil
}

// changed is when anything of the file name below root last changed. The app may
// have put links there: none leads out of root.
func changed(root, name string) (time.Time, error) {
	dir, err := os.OpenRoot(root)
	if err != nil {
		return time.Time{}, err
	}
	defer dir.Close()
	fi, err := dir.Lstat(strings.TrimPrefix(name, "/"))
	if err != nil {
		return time.Time{}, err
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return time.Time{}, errors.ErrUnsupported
	}
	return time.Unix(st.Ctim.Sec, st.Ctim.Nsec), nil
}
