package nginx

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Identity is what file permissions are checked against.
type Identity struct {
	UID, GID uint32
	Groups   []uint32
}

func (id Identity) String() string {
	return fmt.Sprintf("uid %d, gid %d", id.UID, id.GID)
}

// identity reads the effective ids from /proc/PID/status.
func (p procfs) identity(pid int) (Identity, error) {
	raw, err := os.ReadFile(p.path(pid, "status"))
	if err != nil {
		return Identity{}, err
	}
	return parseIdentity(string(raw))
}

func parseIdentity(raw string) (Identity, error) {
	var id Identity
	seen := 0
	for line := range strings.Lines(raw) {
		name, rest, _ := strings.Cut(line, ":")
		fields := strings.Fields(rest)
		switch {
		case name == "Uid" && len(fields) == 4:
			id.UID, seen = parseID(fields[1]), seen+1
		case name == "Gid" && len(fields) == 4:
			id.GID, seen = parseID(fields[1]), seen+1
		case name == "Groups":
			for _, f := range fields {
				id.Groups = append(id.Groups, parseID(f))
			}
		}
	}
	if seen != 2 {
		return Identity{}, fmt.Errorf("no user and group in a process status")
	}
	return id, nil
}

// parseID reads an id that the kernel wrote; what is no number becomes the
// id that owns nothing.
func parseID(s string) uint32 {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return ^uint32(0)
	}
	return uint32(n)
}

// Worker is one worker process of the running master.
type Worker struct {
	Process
	Identity Identity
	Leaving  bool // told to quit: it finishes what it has and accepts nothing new
}

func current(w Worker) bool { return !w.Leaving }

// Leaving is how many of the workers have been told to quit.
func (f Facts) Leaving() (n int) {
	for _, w := range f.Workers {
		if w.Leaving {
			n++
		}
	}
	return n
}

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
		return time.Time{}, fmt.Errorf("no worker that accepts connections: %w", errNotRunning)
	}
	return workers[i].Start, nil
}
