// Package layer tells what a container's own writable layer holds: values that
// somebody put there before the app started, data that the app wrote, and what it
// does not expect to find again. It asks the daemon through whom it is given, and
// looks at the times of files on this host.
package layer

import (
	"bytes"
	"cmp"
	"context"
	"path"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
)

// secretsDir is where an app looks for its secrets, whenever they came there.
const secretsDir = "/run/secrets/"

// Layer is what a container's own layer holds, as far as it matters to the next
// container.
type Layer struct {
	Values  []File   // to be carried
	Written []string // data that a new container would not have
	Scratch []string // what an app does not expect to find again
}

// maxStats bounds the questions about single paths; a container with more
// written files is refused on the first of them anyway.
const maxStats = 200

// reader asks a daemon for what lies in a container.
type reader interface {
	Changes(ctx context.Context, id string) ([]container.FilesystemChange, error)
	Stat(ctx context.Context, id, path string) (container.PathStat, error)
	ReadFile(ctx context.Context, id, path string) (File, error)
}

// Read reads it. known are the values that the container was made with.
func Read(ctx context.Context, from reader, times Clock, in container.InspectResponse, known []File) (Layer, error) {
	changes, err := from.Changes(ctx, in.ID)
	if err != nil {
		return Layer{}, err
	}
	r := reading{reader: from, id: in.ID, origin: originOf(in, times), known: known, left: maxStats, room: maxValues}
	for _, c := range candidates(changes, mountTargets(in)) {
		r.look(ctx, c)
	}
	r.Values = append(r.Values, r.parents(ctx, changes)...)
	return r.Layer, nil
}

// reading is a layer that is being read.
type reading struct {
	reader
	Layer
	id     string
	origin origin
	known  []File
	left   int // questions about single files
	room   int // bytes of values
}

// look finds out what one change of the layer means.
func (r *reading) look(ctx context.Context, c change) {
	if r.left--; r.left < 0 || c.kind == container.ChangeDelete {
		r.leave(c)
		return
	}
	st, err := r.Stat(ctx, r.id, c.path)
	if err == nil && st.Mode.IsDir() {
		return // holds no data: it is listed when a file in it came and went
	}
	put := strings.HasPrefix(c.path, secretsDir) || r.origin.put(c.path, st.Mtime)
	i := slices.IndexFunc(r.known, func(k File) bool { return k.Path == c.path })
	if err != nil || !put && i < 0 {
		r.leave(c)
		return
	}
	f, err := r.ReadFile(ctx, r.id, c.path)
	same := i >= 0 && bytes.Equal(f.Data, r.known[i].Data) && f.Link == r.known[i].Link
	if r.room -= len(f.Data); err != nil || r.room < 0 || !put && !same {
		r.Written = append(r.Written, c.path)
		return
	}
	r.Values = append(r.Values, f)
}

// leave notes what stays behind.
func (r *reading) leave(c change) {
	if c.scratch {
		r.Scratch = append(r.Scratch, c.path)
	} else {
		r.Written = append(r.Written, c.path)
	}
}

// parents are the directories that were made for the values.
func (r *reading) parents(ctx context.Context, changes []container.FilesystemChange) (out []File) {
	above := map[string]bool{}
	for _, v := range r.Values {
		markParents(above, v.Path)
	}
	for _, c := range changes {
		if c.Kind != container.ChangeAdd || !above[c.Path] {
			continue
		}
		if f, err := r.ReadFile(ctx, r.id, path.Clean(c.Path)); err == nil && f.Dir {
			out = append(out, f)
		}
	}
	return out
}

// Carried are the paths of the values, without those of directories.
func (l Layer) Carried() []string {
	var out []string
	for _, f := range l.Values {
		if !f.Dir {
			out = append(out, f.Path)
		}
	}
	slices.Sort(out)
	return out
}

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
