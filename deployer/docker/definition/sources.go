package definition

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"golang.org/x/sys/unix"

	"edgeman/deployer/docker/inspect"
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
	paths, err := s.MountSources(mount.TypeBind)
	if err != nil {
		return nil, fmt.Errorf("read the stored settings: %w", err)
	}
	return goneNow(s.Sources, paths)
}

// OriginalSourcesGone is SourcesGone for a stored inspect answer.
func OriginalSourcesGone(raw json.RawMessage) ([]string, error) {
	in, err := inspect.Decode(raw)
	if err != nil {
		return nil, err
	}
	return goneNow(nil, BindSources(in))
}

// BindSources are the paths of the host that a container has mounted.
func BindSources(in container.InspectResponse) (paths []string) {
	for _, m := range in.Mounts {
		if m.Type == mount.TypeBind {
			paths = append(paths, m.Source)
		}
	}
	return paths
}

// SourceKinds tells of each path what it is now, by kind; "" when it is gone.
func SourceKinds(paths []string, kind func(path string) (string, error)) (map[string]string, error) {
	out := map[string]string{}
	for _, path := range paths {
		is, err := kind(path)
		if err != nil {
			return nil, err
		}
		out[path] = is
	}
	return out, nil
}

func goneNow(were map[string]string, paths []string) ([]string, error) {
	are, err := SourceKinds(paths, SourceKind)
	return Gone(were, are), err
}
