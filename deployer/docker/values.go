package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
)

// file is one that somebody put into a container before it started, as Compose
// does with secrets and configs whose value stands in its own file or in its
// environment. It lies in the container's own layer, and every container that
// takes its place has to get it. Data may be a secret.
type file struct {
	Path string `json:"path"`
	Mode int64  `json:"mode"`
	UID  int    `json:"uid"`
	GID  int    `json:"gid"`
	Dir  bool   `json:"dir,omitempty"`  // that was made for the others
	Link string `json:"link,omitempty"` // where a symbolic link leads to
	Data []byte `json:"data,omitempty"`
}

// secretsDir is where an app looks for its secrets, whenever they came there.
const secretsDir = "/run/secrets/"

// Values are small. More than that is data, which belongs on a volume.
const (
	maxValue  = 1 << 20
	maxValues = 8 << 20 // all together
)

// errNoValue is the answer for what cannot be carried.
var errNoValue = errors.New("not a file that can be carried")

// firstFile is the first file of a tar archive.
func firstFile(r io.Reader, name string) (file, error) {
	in := tar.NewReader(r)
	h, err := in.Next()
	if err != nil {
		return file{}, err
	}
	f := file{Path: name, Mode: h.Mode & 0o7777, UID: h.Uid, GID: h.Gid}
	switch {
	case h.Typeflag == tar.TypeDir:
		f.Dir = true
	case h.Typeflag == tar.TypeSymlink:
		f.Link = h.Linkname
	case h.Typeflag != tar.TypeReg || h.Size > maxValue:
		return f, errNoValue
	default:
		f.Data, err = io.ReadAll(io.LimitReader(in, maxValue))
	}
	return f, err
}

// pack makes a tar archive of files, directories first.
func pack(files []file) ([]byte, error) {
	var buf bytes.Buffer
	out := tar.NewWriter(&buf)
	for _, f := range slices.SortedStableFunc(slices.Values(files), func(a, b file) int { return strings.Compare(a.Path, b.Path) }) {
		h := tar.Header{
			Typeflag: tar.TypeReg, Name: strings.TrimPrefix(f.Path, "/"), Mode: f.Mode, Uid: f.UID, Gid: f.GID,
			Size: int64(len(f.Data)), ModTime: time.Now(),
		}
		switch {
		case f.Dir:
			h.Typeflag, h.Name = tar.TypeDir, h.Name+"/"
		case f.Link != "":
			h.Typeflag, h.Linkname = tar.TypeSymlink, f.Link
		}
		if err := out.WriteHeader(&h); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Path, err)
		}
		if _, err := out.Write(f.Data); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	err := out.Close()
	return buf.Bytes(), err
}

// origin tells what was in a container's own layer before its app could write.
type origin struct {
	created time.Time
	started time.Time // for the first time; zero when that cannot be found out
	upper   string    // where the layer lies on the host, if it lies in one place
	clock   clock
}

// clock tells the times of files on the host.
type clock struct {
	// born is when a file was made, zero where the file system does not tell;
	// changed when anything of the file name below root last changed.
	born    func(path string) (time.Time, error)
	changed func(root, name string) (time.Time, error)
}

// hostClock reads them from this host's file systems.
func hostClock() clock { return clock{born, changed} }

// soon is how long after its creation a container is started. Beyond that the
// times on the host's disk are not the container's own: the disk was copied.
const soon = 24 * time.Hour

func originOf(in container.InspectResponse, times clock) origin {
	o := origin{created: parseTime(in.Created), clock: times}
	if in.GraphDriver.Name == "overlay2" {
		o.upper = in.GraphDriver.Data["UpperDir"]
	}
	// The daemon makes this file when a container is first started, and writes
	// into it at each start after that. A container that runs in another's
	// network namespace shows the other's.
	if strings.Contains(in.HostnamePath, in.ID) {
		o.started, _ = times.born(in.HostnamePath)
	}
	if o.started.IsZero() && parseTime(in.State.FinishedAt).IsZero() {
		o.started = parseTime(in.State.StartedAt)
	}
	if o.started.Sub(o.created) > soon {
		o.started = time.Time{}
	}
	return o
}

// put tells whether a file whose contents are of mtime was there before the
// container's first start: nothing of it has changed since, not even its owner,
// or its contents were written between creation and start.
func (o origin) put(name string, mtime time.Time) bool {
	if o.started.IsZero() {
		return false
	}
	if o.upper != "" {
		if changed, err := o.clock.changed(o.upper, name); err == nil && !changed.After(o.started) {
			return true
		}
	}
	return !mtime.Before(o.created.Add(-time.Second)) && !mtime.After(o.started)
}

// ownLayer is what a container's own layer holds, as far as it matters to the next
// container.
type ownLayer struct {
	values  []file   // to be carried
	written []string // data that a new container would not have
	scratch []string // what an app does not expect to find again
}

// maxStats bounds the questions about single paths; a container with more
// written files is refused on the first of them anyway.
const maxStats = 200

// reader asks a daemon for what lies in a container.
type reader interface {
	changes(ctx context.Context, id string) ([]container.FilesystemChange, error)
	stat(ctx context.Context, id, path string) (container.PathStat, error)
	readFile(ctx context.Context, id, path string) (file, error)
}

// readLayer reads it. known are the values that the container was made with.
func readLayer(ctx context.Context, from reader, times clock, in container.InspectResponse, known []file) (ownLayer, error) {
	changes, err := from.changes(ctx, in.ID)
	if err != nil {
		return ownLayer{}, err
	}
	var l ownLayer
	r := layerReader{reader: from, id: in.ID, origin: originOf(in, times), known: known, left: maxStats, room: maxValues}
	for _, p := range candidates(changes, mountTargets(in)) {
		switch kind, f := r.look(ctx, p); kind {
		case isValue:
			l.values = append(l.values, f)
		case isData:
			l.written = append(l.written, p.path)
		case isScratchFile:
			l.scratch = append(l.scratch, p.path)
		}
	}
	l.values = append(l.values, r.parents(ctx, changes, l.values)...)
	return l, nil
}

type layerReader struct {
	reader
	id     string
	origin origin
	known  []file
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

func (r *layerReader) look(ctx context.Context, p change) (kind int, f file) {
	other := isData
	if p.scratch {
		other = isScratchFile
	}
	if r.left--; r.left < 0 || p.kind == container.ChangeDelete {
		return other, f
	}
	st, err := r.stat(ctx, r.id, p.path)
	if err != nil {
		return other, f
	}
	if st.Mode.IsDir() { // holds no data: it is listed when a file in it came and went
		return isNothing, f
	}
	put := strings.HasPrefix(p.path, secretsDir) || r.origin.put(p.path, st.Mtime)
	i := slices.IndexFunc(r.known, func(k file) bool { return k.Path == p.path })
	if !put && i < 0 {
		return other, f
	}
	f, err = r.readFile(ctx, r.id, p.path)
	same := i >= 0 && bytes.Equal(f.Data, r.known[i].Data) && f.Link == r.known[i].Link
	if r.room -= len(f.Data); err != nil || r.room < 0 || !put && !same {
		return isData, file{}
	}
	return isValue, f
}

// parents are the directories that were made for the values.
func (r *layerReader) parents(ctx context.Context, changes []container.FilesystemChange, values []file) []file {
	above := map[string]bool{}
	for _, v := range values {
		markParents(above, v.Path)
	}
	var out []file
	for _, c := range changes {
		if c.Kind != container.ChangeAdd || !above[c.Path] {
			continue
		}
		if f, err := r.readFile(ctx, r.id, path.Clean(c.Path)); err == nil && f.Dir {
			out = append(out, f)
		}
	}
	return out
}

// carried are the paths of the values, without those of directories.
func (l ownLayer) carried() []string {
	var out []string
	for _, f := range l.values {
		if !f.Dir {
			out = append(out, f.Path)
		}
	}
	slices.Sort(out)
	return out
}
