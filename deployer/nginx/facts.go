package nginx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Worker is one worker process of the running master.
type Worker struct {
	Process
	Identity Identity
	Leaving  bool // told to quit: it finishes what it has and accepts nothing new
}

// Identity is what file permissions are checked against.
type Identity struct {
	UID, GID uint32
	Groups   []uint32
}

func (id Identity) String() string {
	return fmt.Sprintf("uid %d, gid %d", id.UID, id.GID)
}

// Facts is what is known about nginx on this machine at one moment.
type Facts struct {
	Binary, Version string
	Main, PidFile   string
	Running         bool
	Master          Process  // zero when nginx does not run
	Replaced        bool     // the executable on disk is not the running one
	Workers         []Worker // oldest first, those that are leaving included
	Identity        Identity // of the workers; zero when nginx does not run
	Confinement     Confinement
	OpenFiles       int // how many files each worker may have open; 0 when it cannot be read
	Somaxconn       int // net.core.somaxconn
}

// Facts reads the facts. A server that does not run is no error; a pid file
// that names something else than an nginx master is simply not believed.
func (s *Server) Facts(_ context.Context) (Facts, error) {
	f := Facts{Binary: s.Binary, Version: s.Version, Main: s.Main, PidFile: s.PidFile, Somaxconn: s.proc.somaxconn()}
	m, err := s.master()
	if errors.Is(err, ErrNotRunning) {
		return f, nil
	}
	if err != nil {
		return f, err
	}
	f.Running, f.Master, f.Replaced = true, m.Process, m.replaced
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

func current(w Worker) bool { return !w.Leaving }

// workers lists the children of a master that have finished their set-up.
func (p procfs) workers(master int) ([]Worker, error) {
	children, err := p.children(master)
	if err != nil {
		return nil, err
	}
	var all []Worker
	for _, proc := range children {
		if !strings.HasPrefix(proc.Title, titleWorker) {
			continue
		}
		id, err := p.identity(proc.PID)
		if err != nil {
			continue // gone between the two reads
		}
		all = append(all, Worker{Process: proc, Identity: id, Leaving: strings.HasPrefix(proc.Title, titleShutdown)})
	}
	slices.SortFunc(all, func(a, b Worker) int {
		return cmp.Or(cmp.Compare(a.Ticks, b.Ticks), cmp.Compare(a.PID, b.PID))
	})
	return all, nil
}

// generation is the moment from which the running workers have the
// configuration they have: the start of the oldest that is not leaving, as a
// younger one may only replace one that crashed.
func generation(workers []Worker) (time.Time, error) {
	i := slices.IndexFunc(workers, current)
	if i < 0 {
		return time.Time{}, fmt.Errorf("no worker that accepts connections: %w", ErrNotRunning)
	}
	return workers[i].Start, nil
}

// openFiles is the soft limit of a process, from proc_pid_limits(5); 0 when it
// cannot be read or there is none. nginx begins with systemd's 1024 unless
// worker_rlimit_nofile says otherwise.
func (p procfs) openFiles(pid int) int {
	raw, err := os.ReadFile(p.path(pid, "limits"))
	if err != nil {
		return 0
	}
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
func (p procfs) somaxconn() int {
	raw, err := os.ReadFile(filepath.Join(p.root, "sys/net/core/somaxconn"))
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(strings.TrimSpace(string(raw)))
	return n
}
