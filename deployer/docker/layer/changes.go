package layer

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
)

// scratch are the directories whose contents an app does not expect to find
// again, by the rules of the filesystem hierarchy standard.
var scratch = []string{"/tmp", "/var/tmp", "/run", "/var/run", "/var/lock", "/var/log", "/var/cache"}

type change struct {
	path    string
	kind    container.ChangeType
	scratch bool // below a scratch directory or a cache
}

// candidates are the changes of a writable layer that may matter, those that
// matter most first: not a place where something is mounted, and not merely a
// directory on the way to another change.
func candidates(changes []container.FilesystemChange, mounts []string) []change {
	parents := map[string]bool{}
	for _, c := range changes {
		markParents(parents, c.Path)
	}
	mounted := map[string]bool{}
	for _, m := range mounts {
		mounted[path.Clean(m)] = true
		markParents(parents, path.Clean(m))
	}
	var out []change
	for _, c := range changes {
		gone, scratch := c.Kind == container.ChangeDelete, isScratch(c.Path)
		if !gone && (parents[c.Path] || mounted[c.Path]) || gone && scratch {
			continue
		}
		out = append(out, change{c.Path, c.Kind, scratch})
	}
	slices.SortFunc(out, func(a, b change) int { return cmp.Or(a.rank()-b.rank(), strings.Compare(a.path, b.path)) })
	return out
}

// rank is how much it matters what the change is, since only so many are looked
// at: an app may have written hundreds of files to a cache.
func (c change) rank() int {
	switch {
	case strings.HasPrefix(c.path, secretsDir):
		return 0
	case c.scratch:
		return 2
	}
	return 1
}

func markParents(parents map[string]bool, p string) {
	for d := path.Dir(p); d != "/" && d != "." && !parents[d]; d = path.Dir(d) {
		parents[d] = true
	}
}

// isScratch: besides the standard directories, what interpreters and tools cache
// next to the code or in a home directory.
func isScratch(p string) bool {
	for _, dir := range scratch {
		if p == dir || strings.HasPrefix(p, dir+"/") {
			return true
		}
	}
	return strings.Contains(p+"/", "/.cache/") || strings.Contains(p+"/", "/__pycache__/")
}

// mountTargets are all paths inside at which something else is mounted; the
// daemon makes these mount points in the writable layer.
func mountTargets(in container.InspectResponse) []string {
	var out []string
	for _, m := range in.Mounts {
		out = append(out, m.Destination)
	}
	for dest := range in.HostConfig.Tmpfs {
		out = append(out, dest)
	}
	for _, m := range in.HostConfig.Mounts {
		out = append(out, m.Target)
	}
	for _, d := range in.HostConfig.Devices {
		out = append(out, d.PathInContainer)
	}
	// docker run --init mounts its init here.
	return append(out, "/sbin/docker-init", "/dev/init")
}
