package nginx

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Worker is one worker process of the running master.
type Worker struct {
	Process
	Identity Identity
	Leaving  bool // told to quit: it finishes what it has and accepts nothing new
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
		return time.Time{}, fmt.Errorf("no worker that accepts connections: %w", errNotRunning)
	}
	return workers[i].Start, nil
}
