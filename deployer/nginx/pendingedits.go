package nginx

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Pending is something on disk that is newer than the configuration nginx
// runs with: a reload would put it live.
type Pending struct {
	Path    string // as it was given
	What    string // "file", "link" (it points elsewhere than before) or "directory" (entries came, went or were renamed)
	Changed time.Time
}

// PendingEdits compares the included files with the start of the running
// workers. Give every included path as the include names it, with symlinks
// not followed, since a new link to an old file is an edit too; a directory
// stands for the include pattern over it and finds what was removed. A file
// counts by its inode change time, which no tool can set back.
//
// The workers' start is known to 10 ms. If nginx has one worker only, and
// that crashed and was replaced, edits from before the crash are not seen.
func (s *Server) PendingEdits(_ context.Context, paths []string) ([]Pending, error) {
	m, err := s.master()
	if err != nil {
		return nil, err
	}
	workers, err := s.proc.workers(m.PID)
	if err != nil {
		return nil, err
	}
	since, err := generation(workers)
	if err != nil {
		return nil, err
	}
	return newer(paths, since.Add(tick))
}

func newer(paths []string, since time.Time) ([]Pending, error) {
	var all []Pending
	for _, path := range paths {
		p, err := lastChange(path)
		if err != nil {
			return nil, fmt.Errorf("looking for edits that nginx has not loaded: %w", err)
		}
		if p.Changed.After(since) {
			all = append(all, p)
		}
	}
	return all, nil
}

// lastChange of a symlink is the younger of its own and its target's.
func lastChange(path string) (Pending, error) {
	st, err := os.Lstat(path)
	if err != nil {
		return Pending{}, err
	}
	if st.IsDir() {
		return Pending{Path: path, What: "directory", Changed: st.ModTime()}, nil
	}
	p := Pending{Path: path, What: "file", Changed: changeTime(st)}
	if st.Mode()&os.ModeSymlink == 0 {
		return p, nil
	}
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return Pending{}, err
	}
	st, err = os.Stat(target)
	if err != nil {
		return Pending{}, err
	}
	if t := changeTime(st); t.After(p.Changed) {
		return Pending{Path: path, What: "file", Changed: t}, nil
	}
	p.What = "link"
	return p, nil
}

func changeTime(st os.FileInfo) time.Time {
	if sys, ok := st.Sys().(*syscall.Stat_t); ok {
		return time.Unix(sys.Ctim.Unix())
	}
	return st.ModTime()
}
