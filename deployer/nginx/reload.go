package nginx

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"edgeman/deployer/poll"
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
	Workers []Process // those that now accept
	Leaving []Process // those that still finish requests with an older configuration
	Errors  []Message // what the master complained about and survived
	Took    time.Duration
}

// Reload makes the running nginx load the configuration on disk, as
// "nginx -s reload" does, and returns when it has: new workers accept and
// every older one is leaving or gone. It fails with ErrKept as soon as nginx
// refuses, with nginx's reason if a log held it: the one that the master's
// stderr leads to, which is its main error log where that is a file (nginx:
// ngx_log_redirect_stderr), and any others that are given. The deadline is
// that of ctx, or 30 seconds if it has none. Reloads may overlap, other
// tools' included.
func (s *Server) Reload(ctx context.Context, errorLogs ...string) (Reloaded, error) {
	ctx, cancel := poll.Bounded(ctx, reloadLimit)
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
	logs := openTails(append(errorLogs, s.proc.path(m.PID, "fd", "2")), m.PID)
	defer logs.close()
	reliable := s.proc.settle(ctx, m.PID)
	before, err := s.proc.children(m.PID)
	if err != nil {
		return Reloaded{}, fmt.Errorf("reloading nginx: %w", err)
	}
	began := time.Now()
	if err := s.proc.signal(m.Process, unix.SIGHUP); err != nil {
		return Reloaded{}, fmt.Errorf("reloading nginx: %w", err)
	}
	w := watch{proc: s.proc, master: m.Process, before: before, logs: logs, reliable: reliable}
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
	before []Process // its children as of just before the signal, set up or not
	logs   tails
	errors []Message
	state  generations

	reliable bool // the master has been seen idle
	idle     int  // looks in a row at which it was
}

func (w *watch) wait(ctx context.Context) (Reloaded, error) {
	err := poll.Until(ctx, poll.DoneDecides, 10*time.Millisecond, w.look)
	done := Reloaded{Workers: w.state.fresh, Leaving: w.state.leaving, Errors: w.errors}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return done, fmt.Errorf("%w: %s: %w", ErrUnconfirmed, w.state, err)
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
		return false, fmt.Errorf("the master process ended: %w", ErrNotRunning)
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
			return fmt.Errorf("%w: %w", ErrKept, &ConfigError{Message: m, Resolved: resolve(m.File), Output: m.Text})
		}
	}
	if waiting {
		return fmt.Errorf("%w: its error log says why", ErrKept)
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
