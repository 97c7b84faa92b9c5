package nginx

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Titles that nginx gives its processes (ngx_setproctitle). A worker carries
// its master's title until it has set up its listening sockets, so the worker
// title alone proves that it accepts.
const (
	titleMaster   = "nginx: master process"
	titleWorker   = "nginx: worker process"
	titleShutdown = "nginx: worker process is shutting down"
)

// severalMasters means that more than one running nginx could be meant.
type severalMasters struct {
	Masters []Process
}

func (e *severalMasters) Error() string {
	var all []string
	for _, m := range e.Masters {
		all = append(all, fmt.Sprintf("%d (%s)", m.PID, strings.TrimPrefix(m.Title, titleMaster+" ")))
	}
	return "more than one nginx is running: " + strings.Join(all, ", ")
}

// Hint says what to do next.
func (e *severalMasters) Hint() string {
	return "name the main configuration file of the one that is meant"
}

// master is a verified master process and what its command line says.
type master struct {
	Process
	exe  string // path of the executable, without the kernel's mark for a replaced one
	cwd  string
	args arguments
}

// arguments are those of nginx's command line options that decide which
// configuration it reads.
type arguments struct {
	prefix, main, directives string
}

// master finds the running master of this server.
func (s *Server) master() (*master, error) {
	all, err := s.proc.masters()
	if err != nil {
		return nil, err
	}
	return s.pick(all, false)
}

// pick chooses the master that reads the server's main file, or any with the
// same binary when anyMain is set and none does. The pid file decides only
// among several: it may be stale, and its pid may have been reused.
func (s *Server) pick(all []*master, anyMain bool) (*master, error) {
	var ours, others []*master
	for _, m := range all {
		switch {
		case m.exe != s.Binary && !sameFile(m.exe, s.Binary):
		case sameFile(s.mainOf(m), s.Main):
			ours = append(ours, m)
		default:
			others = append(others, m)
		}
	}
	if len(ours) == 0 && anyMain {
		ours = others
	}
	if len(ours) > 1 {
		pid := readNumber(s.PidFile)
		if i := slices.IndexFunc(ours, func(m *master) bool { return m.PID == pid }); i >= 0 {
			return ours[i], nil
		}
	}
	switch len(ours) {
	case 0:
		return nil, errNotRunning
	case 1:
		return ours[0], nil
	}
	several := &severalMasters{}
	for _, m := range ours {
		several.Masters = append(several.Masters, m.Process)
	}
	return nil, several
}

// mainOf is the main configuration file that a master was started with.
func (s *Server) mainOf(m *master) string {
	as := s.build.server(s.Binary)
	as.apply(m.args, m.cwd)
	return as.Main
}

// masters lists every nginx master of this machine, not of its containers.
func (p procfs) masters() ([]*master, error) {
	pids, err := p.pids()
	if err != nil {
		return nil, err
	}
	var all []*master
	for _, pid := range pids {
		if m, ok := p.master(pid); ok {
			all = append(all, m)
		}
	}
	return all, nil
}

// master reads one process and says whether it is an nginx master that shares
// our process namespace and root directory; a container's does not, although
// the host sees it. Worker children that are not set up yet carry the same
// title and are told apart by their parent.
func (p procfs) master(pid int) (*master, bool) {
	proc, parent, err := p.read(pid)
	if err != nil || !strings.HasPrefix(proc.Title, titleMaster) {
		return nil, false
	}
	if up, _, err := p.read(parent); err == nil && strings.HasPrefix(up.Title, titleMaster) && !p.hasChildren(pid) {
		return nil, false
	}
	if !sameLink(p.path(pid, "ns", "pid"), filepath.Join(p.root, "self", "ns", "pid")) || !sameFile(p.path(pid, "root"), filepath.Join(p.root, "self", "root")) {
		return nil, false
	}
	exe, err := os.Readlink(p.path(pid, "exe"))
	if err != nil {
		return nil, false
	}
	m := &master{Process: proc, args: parseTitle(proc.Title), exe: strings.TrimSuffix(exe, " (deleted)")}
	m.cwd, _ = os.Readlink(p.path(pid, "cwd"))
	return m, true
}

// hasChildren tells a second master, started by the first for a binary
// upgrade, from a worker that is not set up yet: only a master has children.
func (p procfs) hasChildren(pid int) bool {
	children, err := p.children(pid)
	return err == nil && slices.ContainsFunc(children, func(c Process) bool { return strings.HasPrefix(c.Title, "nginx: ") })
}

// parseTitle reads the options out of a master's title. nginx joins its
// arguments by spaces there, so a -g value ends at the next option after a
// semicolon, and a path with a space cannot be told from two words.
func parseTitle(title string) arguments {
	var a arguments
	words := strings.Fields(strings.TrimPrefix(title, titleMaster))
	for i := 1; i < len(words); i++ {
		option, value := splitOption(words[i])
		if option == "" {
			continue
		}
		if value == "" && i+1 < len(words) {
			i++
			value = words[i]
		}
		switch option {
		case "-p":
			a.prefix = value
		case "-c":
			a.main = value
		case "-g":
			for i+1 < len(words) && !(strings.HasSuffix(value, ";") && strings.HasPrefix(words[i+1], "-")) {
				i++
				value += " " + words[i]
			}
			a.directives = value
		}
	}
	return a
}

// splitOption cuts "-c" or "-cPATH" into option and value; other words give
// an empty option.
func splitOption(word string) (option, value string) {
	if len(word) < 2 || word[0] != '-' || !strings.ContainsRune("pcge", rune(word[1])) {
		return "", ""
	}
	return word[:2], word[2:]
}

// readNumber returns the number in a file, such as a pid file, 0 when there is none.
func readNumber(path string) int {
	raw, _ := os.ReadFile(path)
	n, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil {
		return 0
	}
	return n
}

func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

func sameLink(a, b string) bool {
	x, errX := os.Readlink(a)
	y, errY := os.Readlink(b)
	return errX == nil && errY == nil && x == y
}
