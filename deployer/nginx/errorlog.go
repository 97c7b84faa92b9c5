package nginx

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
)

// tails reads what a master appends to its error logs from now on.
type tails struct {
	files []*tail
	mark  string // "123#", which its lines carry before the thread id
}

type tail struct {
	file *os.File
	part []byte // a line that is not whole yet
}

// openTails opens the logs that exist and are regular files, each once, at
// their end. The open descriptor outlives a rotation, as nginx's own does.
func openTails(paths []string, master int) tails {
	t := tails{mark: fmt.Sprintf("%d#", master)}
	var seen []os.FileInfo
	for _, path := range paths {
		st, err := os.Stat(path)
		if err != nil || !st.Mode().IsRegular() || known(seen, st) {
			continue
		}
		f, err := os.Open(path)
		if err != nil {
			continue
		}
		if _, err := f.Seek(0, io.SeekEnd); err != nil {
			f.Close()
			continue
		}
		seen = append(seen, st)
		t.files = append(t.files, &tail{file: f})
	}
	return t
}

func known(seen []os.FileInfo, st os.FileInfo) bool {
	for _, s := range seen {
		if os.SameFile(s, st) {
			return true
		}
	}
	return false
}

func (t tails) close() {
	for _, f := range t.files {
		f.file.Close()
	}
}

// read returns the master's own new complaints; those of workers about
// requests are left out.
func (t tails) read() []Message {
	var all []Message
	for _, f := range t.files {
		for _, line := range f.lines() {
			_, rest, _ := strings.Cut(line, "] ")
			if !strings.HasPrefix(rest, t.mark) {
				continue
			}
			if m, ok := parseMessage(line); ok && grave(m.Level) {
				all = append(all, m)
			}
		}
	}
	return all
}

func grave(level string) bool {
	return level == "emerg" || level == "alert" || level == "crit"
}

// lines returns the whole lines that were added, at most 1 MiB in one go so
// that a busy log cannot hold up a reload.
func (t *tail) lines() []string {
	added, _ := io.ReadAll(io.LimitReader(t.file, 1<<20)) // a log that cannot be read says nothing
	t.part = append(t.part, added...)
	end := bytes.LastIndexByte(t.part, '\n')
	if end < 0 {
		return nil
	}
	whole := string(t.part[:end])
	t.part = bytes.Clone(t.part[end+1:])
	return strings.Split(whole, "\n")
}
