package nginx

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

var (
	// ErrKept means that nginx refused the new configuration and goes on
	// serving with the old one. The chain holds a *ConfigError with its reason.
	ErrKept = errors.New("nginx kept the old configuration")

	// ErrUnconfirmed means that no verdict came in time: nginx may still
	// load the new configuration later.
	ErrUnconfirmed = errors.New("the reload could not be confirmed in time")

	// ErrUpgrading means that two masters share the work in the middle of a
	// binary upgrade, where a reload would reach only one of them.
	ErrUpgrading = errors.New("an nginx binary upgrade is under way")
)

// reloadLimit is the deadline for callers that set none. nginx itself retries
// a listen address for 2.5 s before it gives up.
const reloadLimit = 30 * time.Second

// Reloaded is what a successful reload did.
type Reloaded struct {
	Workers []Worker  // those that now accept
	Leaving []Worker  // those that still finish requests with an older configuration
	Errors  []Message // what the master complained about and survived
	Took    time.Duration
}

// Reload makes the running nginx load the configuration on disk, as
// "nginx -s reload" does, and returns when it has: new workers accept and
// every older one is leaving or gone. It watches what the master writes to
// the given error logs (those of the main context; the compiled-in one and
// the master's stderr are added) and fails with ErrKept as soon as it refuses.
// Without a readable log a refusal shows only as ErrUnconfirmed at the
// deadline of ctx, or after 30 seconds if it has none.
func (s *Server) Reload(ctx context.Context, errorLogs ...string) (Reloaded, error) {
	ctx, cancel := withLimit(ctx, reloadLimit)
	defer cancel()
	m, err := s.master()
	if err != nil {
		return Reloaded{}, fmt.Errorf("reloading nginx: %w", err)
	}
	if pid := readPid(s.PidFile + ".oldbin"); pid != 0 {
		if _, ok := s.proc.master(pid); ok {
			return Reloaded{}, fmt.Errorf("reloading nginx: %w", ErrUpgrading)
		}
	}
	logs := openTails(append(errorLogs, s.ErrorLog, s.proc.path(m.PID, "fd", "2")), m.PID)
	defer logs.close()
	before, err := s.proc.workers(m.PID)
	if err != nil {
		return Reloaded{}, fmt.Errorf("reloading nginx: %w", err)
	}
	began := time.Now()
	if err := s.proc.signal(m.Process, unix.SIGHUP); err != nil {
		return Reloaded{}, fmt.Errorf("reloading nginx: %w", err)
	}
	w := watch{proc: s.proc, master: m.Process, before: before, logs: logs}
	done, err := w.wait(ctx)
	done.Took = time.Since(began)
	if err != nil {
		return done, fmt.Errorf("reloading nginx: %w", err)
	}
	return done, nil
}

// watch follows one reload.
type watch struct {
	proc   procfs
	master Process
	before []Worker // as of just before the signal
	logs   tails
	errors []Message
	state  generations
}

func (w *watch) wait(ctx context.Context) (Reloaded, error) {
	err := poll(ctx, 10*time.Millisecond, w.look)
	done := Reloaded{Workers: w.state.fresh, Leaving: w.state.leaving, Errors: w.errors}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return done, fmt.Errorf("%w: %s: %w", ErrUnconfirmed, w.state, err)
	}
	return done, err
}

// look takes one picture. The log is read before the processes, so that a
// refusal is never taken for slowness.
func (w *watch) look() (bool, error) {
	for _, m := range w.logs.read() {
		w.errors = append(w.errors, m)
	}
	now, _, err := w.proc.read(w.master.PID)
	if err != nil || now.Ticks != w.master.Ticks {
		return false, fmt.Errorf("the master process ended: %w", ErrNotRunning)
	}
	workers, err := w.proc.workers(w.master.PID)
	if err != nil {
		return false, err
	}
	w.state = compare(w.before, workers)
	if len(w.state.fresh) > 0 {
		return len(w.state.stale) == 0 && !w.proc.settingUp(w.master.PID), nil
	}
	for _, m := range w.errors {
		if m.Level == "emerg" && !strings.HasPrefix(m.Text, "bind() to ") { // nginx retries those and then says so
			return false, fmt.Errorf("%w: %w", ErrKept, &ConfigError{Message: m, Resolved: resolve(m.File), Output: m.Text})
		}
	}
	return false, nil
}

// generations are the workers of one master, seen from a reload.
type generations struct {
	fresh   []Worker // started after the signal and set up
	stale   []Worker // older and still accepting
	leaving []Worker
}

func (g generations) String() string {
	return fmt.Sprintf("%d new workers, %d old ones still accept", len(g.fresh), len(g.stale))
}

// compare sorts the workers of now by whether they existed before.
func compare(before, now []Worker) generations {
	old := map[[2]uint64]bool{}
	for _, w := range before {
		old[[2]uint64{uint64(w.PID), w.Ticks}] = true
	}
	var g generations
	for _, w := range now {
		switch {
		case w.Leaving:
			g.leaving = append(g.leaving, w)
		case old[[2]uint64{uint64(w.PID), w.Ticks}]:
			g.stale = append(g.stale, w)
		default:
			g.fresh = append(g.fresh, w)
		}
	}
	return g
}

// settingUp says whether the master has a child that is not a worker yet: it
// carries the master's title until then.
func (p procfs) settingUp(master int) bool {
	pids, err := p.pids()
	if err != nil {
		return false
	}
	for _, pid := range pids {
		if proc, parent, err := p.read(pid); err == nil && parent == master && strings.HasPrefix(proc.Title, titleMaster) && !p.upgrading(pid, master) {
			return true
		}
	}
	return false
}

// signal reaches exactly the process that was looked at: the descriptor is
// taken first and the identity compared after, so a reused pid gets nothing.
func (p procfs) signal(proc Process, sig unix.Signal) error {
	fd, err := unix.PidfdOpen(proc.PID, 0)
	if err != nil {
		return fmt.Errorf("signalling process %d: %w", proc.PID, err)
	}
	defer unix.Close(fd)
	if now, _, err := p.read(proc.PID); err != nil || now.Ticks != proc.Ticks {
		return fmt.Errorf("signalling process %d: %w", proc.PID, os.ErrProcessDone)
	}
	if err := unix.PidfdSendSignal(fd, sig, nil, 0); err != nil {
		return fmt.Errorf("signalling process %d: %w", proc.PID, err)
	}
	return nil
}

func withLimit(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, limit)
}
