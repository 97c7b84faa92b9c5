// Package layer tells what a container's own writable layer holds: values that
// somebody put there before the app started, data that the app wrote, and what it
// does not expect to find again. It asks the daemon through a Reader, and looks
// at the times of files on this host.
package layer

import (
	"bytes"
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
	var l Layer
	r := layerReader{reader: from, id: in.ID, origin: originOf(in, times), known: known, left: maxStats, room: maxValues}
	for _, p := range candidates(changes, mountTargets(in)) {
		switch kind, f := r.look(ctx, p); kind {
		case isValue:
			l.Values = append(l.Values, f)
		case isData:
			l.Written = append(l.Written, p.path)
		case isScratchFile:
			l.Scratch = append(l.Scratch, p.path)
		}
	}
	l.Values = append(l.Values, r.parents(ctx, changes, l.Values)...)
	return l, nil
}

type layerReader struct {
	reader
	id     string
	origin origin
	known  []File
	left   int // questions about single files
	room   int // bytes of values
}

// What one change of a layer means.
const (
	isNothing = iota
	isValue
	isData
	isScratchFile
)

func (r *layerReader) look(ctx context.Context, p change) (kind int, f File) {
	other := isData
	if p.scratch {
		other = isScratchFile
	}
	if r.left--; r.left < 0 || p.kind == container.ChangeDelete {
		return other, f
	}
	st, err := r.Stat(ctx, r.id, p.path)
	if err != nil {
		return other, f
	}
	if st.Mode.IsDir() { // holds no data: it is listed when a file in it came and went
		return isNothing, f
	}
	put := strings.HasPrefix(p.path, secretsDir) || r.origin.put(p.path, st.Mtime)
	i := slices.IndexFunc(r.known, func(k File) bool { return k.Path == p.path })
	if !put && i < 0 {
		return other, f
	}
	f, err = r.ReadFile(ctx, r.id, p.path)
	same := i >= 0 && bytes.Equal(f.Data, r.known[i].Data) && f.Link == r.known[i].Link
	if r.room -= len(f.Data); err != nil || r.room < 0 || !put && !same {
		return isData, File{}
	}
	return isValue, f
}

// parents are the directories that were made for the values.
func (r *layerReader) parents(ctx context.Context, changes []container.FilesystemChange, values []File) []File {
	above := map[string]bool{}
	for _, v := range values {
		markParents(above, v.Path)
	}
	var out []File
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
