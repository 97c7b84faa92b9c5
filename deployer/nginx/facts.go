package nginx

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Facts is what is known about nginx on this machine at one moment.
type Facts struct {
	Binary, Version string
	Main, PidFile   string
	Running         bool
	Master          Process  // zero when nginx does not run
	Workers         []Worker // oldest first, those that are leaving included
	Identity        Identity // of the workers; zero when nginx does not run
	Confinement     confinement
	OpenFiles       int // how many files each worker may have open; 0 when it cannot be read
	Somaxconn       int // net.core.somaxconn
}

// Facts reads the facts. A server that does not run is no error; a pid file
// that names something else than an nginx master is simply not believed.
func (s *Server) Facts(_ context.Context) (Facts, error) {
	f := Facts{Binary: s.Binary, Version: s.Version, Main: s.Main, PidFile: s.PidFile, Somaxconn: s.proc.somaxconn()}
	m, err := s.master()
	if errors.Is(err, errNotRunning) {
		return f, nil
	}
	if err != nil {
		return f, err
	}
	f.Running, f.Master = true, m.Process
	if f.Workers, err = s.proc.workers(m.PID); err != nil {
		return f, err
	}
	if i := slices.IndexFunc(f.Workers, current); i >= 0 {
		f.Identity = f.Workers[i].Identity
		f.Confinement = s.proc.confinement(f.Workers[i].PID)
		f.OpenFiles = s.proc.openFiles(f.Workers[i].PID)
	}
	return f, nil
}

// openFiles is the soft limit of a process, from proc_pid_limits(5); 0 when it
// cannot be read or there is none. nginx begins with systemd's 1024 unless
// worker_rlimit_nofile says otherwise.
func (p procfs) openFiles(pid int) int {
	raw, _ := os.ReadFile(p.path(pid, "limits"))
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, "Max open files"); ok {
			n, _ := strconv.Atoi(strings.Fields(rest + " 0")[0])
			return n
		}
	}
	return 0
}

// somaxconn caps every listen backlog of this network namespace; 0 when it
// cannot be read.
func (p procfs) somaxconn() int { return readNumber(filepath.Join(p.root, "sys/net/core/somaxconn")) }
