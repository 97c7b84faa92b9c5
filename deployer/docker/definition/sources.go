package definition

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/mount"
	"golang.org/x/sys/unix"
)

// SourceKind is what a path of the host leads to.
func SourceKind(path string) (string, error) {
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

// Gone says which paths of the host are not what they were.
func Gone(were, are map[string]string) []string {
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
	s, err := Parse(stored)
	if err != nil {
		return nil, err
	}
	var mounts []mount.Mount
	var binds []string
	if err := errors.Join(s.HostConfig.Get("Mounts", &mounts), s.HostConfig.Get("Binds", &binds)); err != nil {
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
	return GoneNow(s.Sources, paths)
}

func GoneNow(were map[string]string, paths []string) ([]string, error) {
	are := map[string]string{}
	for _, path := range paths {
		kind, err := SourceKind(path)
		if err != nil {
			return nil, err
		}
		are[path] = kind
	}
	return Gone(were, are), nil
}
