package nginx

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"edgeman/deployer/poll"
)

// watch follows one reload.
type watch struct {
	proc   procfs
	master Process
	before []Process // its children as of just before the signal, set up or not
	logs   tails
	errors []Message
	state  generations

	reliable bool // the master has been seen idle
	idle     int  // looks in a row at which it was
}

func (w *watch) wait(ctx context.Context) (Reloaded, error) {
	err := poll.Until(ctx, poll.DoneDecides, 10*time.Millisecond, w.look)
	done := Reloaded{Workers: w.state.fresh, Leaving: w.state.leaving}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return done, fmt.Errorf("%w: %s: %w", errUnconfirmed, w.state, err)
	}
	return done, err
}

// look takes one picture. Whether the master is idle is read first: what is
// seen after it has finished its work is final.
func (w *watch) look() (bool, error) {
	idle, _ := w.proc.idle(w.master.PID)
	if w.idle++; !idle {
		w.idle = 0
	}
	w.errors = append(w.errors, w.logs.read()...)
	now, _, err := w.proc.read(w.master.PID)
	if err != nil || now.Ticks != w.master.Ticks {
		return false, fmt.Errorf("the master process ended: %w", errNotRunning)
	}
	children, err := w.proc.children(w.master.PID)
	if err != nil {
		return false, err
	}
	w.state = compare(w.before, children)
	settled := w.idle >= 2 || !w.reliable && w.state.unready == 0
	if len(w.state.fresh) > 0 {
		return settled && len(w.state.stale) == 0, nil
	}
	return false, w.kept(w.idle >= 2 && w.state.unchanged())
}

// kept judges a master that has no new workers: it refused if it said so, or
// if it went back to waiting with the workers it had.
func (w *watch) kept(waiting bool) error {
	for _, m := range w.errors {
		if m.Level == "emerg" && !strings.HasPrefix(m.Text, "bind() to ") { // nginx retries those, and then says that it gave up
			return fmt.Errorf("%w: %w", errKept, &ConfigError{Message: m, Output: m.Text})
		}
	}
	if waiting {
		return fmt.Errorf("%w: its error log says why", errKept)
	}
	return nil
}

// generations are the children of one master, seen from a reload.
type generations struct {
	fresh   []Process // workers that came after the signal and are set up
	stale   []Process // older ones that still accept, or are about to
	leaving []Process
	unready int // came after the signal and are not set up yet
	came    int // after the signal: these, fresh ones, leaving ones (another reload followed), and helpers of nginx's
}

// unchanged says that no reload has begun to take effect. A picture of the
// processes is not taken in one instant, so that nothing new is in it does
// not prove it; old workers that still accept, and no child that came since,
// whatever it calls itself yet, do.
func (g generations) unchanged() bool { return g.came == 0 && len(g.stale) > 0 }

func (g generations) String() string {
	return fmt.Sprintf("%d new workers, %d not set up yet, %d old ones still accept", len(g.fresh), g.unready, len(g.stale))
}

// compare sorts the children of now by whether they existed before. On a busy
// machine a worker is there long before it calls itself one; until then it has
// its master's title.
func compare(before, now []Process) generations {
	type identity struct {
		pid   int
		ticks uint64
	}
	old := map[identity]bool{}
	for _, p := range before {
		old[identity{p.PID, p.Ticks}] = true
	}
	var g generations
	for _, p := range now {
		known := old[identity{p.PID, p.Ticks}]
		if !known {
			g.came++
		}
		unready := strings.HasPrefix(p.Title, titleMaster)
		switch {
		case strings.HasPrefix(p.Title, titleShutdown):
			g.leaving = append(g.leaving, p)
		case !unready && !strings.HasPrefix(p.Title, titleWorker): // the cache manager, for example
		case known:
			g.stale = append(g.stale, p)
		case unready:
			g.unready++
		default:
			g.fresh = append(g.fresh, p)
		}
	}
	return g
}
