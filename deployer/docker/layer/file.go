package layer

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// ByPath are files by their paths.
func ByPath(files []File) map[string]File {
	out := map[string]File{}
	for _, f := range files {
		out[f.Path] = f
	}
	return out
}

// File is one that somebody put into a container before it started, as Compose
// does with secrets and configs whose value stands in its own file or in its
// environment. It lies in the container's own layer, and every container that
// takes its place has to get it. Data may be a secret.
type File struct {
	Path string `json:"path"`
	Mode int64  `json:"mode"`
	UID  int    `json:"uid"`
	GID  int    `json:"gid"`
	Dir  bool   `json:"dir,omitempty"`  // that was made for the others
	Link string `json:"link,omitempty"` // where a symbolic link leads to
	Data []byte `json:"data,omitempty"`
}

// Values are small. More than that is data, which belongs on a volume.
const (
	maxValue  = 1 << 20
	maxValues = 8 << 20 // all together
)

// errNoValue is the answer for what cannot be carried.
var errNoValue = errors.New("not a file that can be carried")

// FirstFile is the first file of a tar archive.
func FirstFile(r io.Reader, name string) (File, error) {
	in := tar.NewReader(r)
	h, err := in.Next()
	if err != nil {
		return File{}, err
	}
	f := File{Path: name, Mode: h.Mode & 0o7777, UID: h.Uid, GID: h.Gid}
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

// Pack makes a tar archive of files, directories first.
func Pack(files []File) ([]byte, error) {
	var buf bytes.Buffer
	out := tar.NewWriter(&buf)
	for _, f := range slices.SortedStableFunc(slices.Values(files), func(a, b File) int { return strings.Compare(a.Path, b.Path) }) {
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
		err := out.WriteHeader(&h)
		if err == nil {
			_, err = out.Write(f.Data)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	err := out.Close()
	return buf.Bytes(), err
}
