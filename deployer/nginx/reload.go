package nginx

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"edgeman/deployer/poll"
)

var (
	// errKept means that nginx refused the new configuration and goes on
	// serving with the old one. The chain holds a *ConfigError with its reason.
	errKept = errors.New("nginx kept the old configuration")

	// errUnconfirmed means that no verdict came in time: nginx may still
	// load the new configuration later.
	errUnconfirmed = errors.New("the reload could not be confirmed in time")

	// errUpgrading means that two masters share the work in the middle of a
	// binary upgrade, where a reload would reach only one of them.
	errUpgrading = errors.New("an nginx binary upgrade is under way")
)

// reloadLimit is the deadline for callers that set none. nginx itself retries
// a listen address for 2.5 s before it gives up.
const reloadLimit = 30 * time.Second

// Reloaded is what a successful reload did.
type Reloaded struct {
	Workers []Process // those that now accept
	Leaving []Process // those that still finish requests with an older configuration
}

// Reload makes the running nginx load the configuration on disk, as
// "nginx -s reload" does, and returns when it has: new workers accept and
// every older one is leaving or gone. It fails with errKept as soon as nginx
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
	if _, upgrading := s.proc.master(readNumber(s.PidFile + ".oldbin")); upgrading {
		return Reloaded{}, fmt.Errorf("reloading nginx: %w", errUpgrading)
	}
	logs := openTails(append(errorLogs, s.proc.path(m.PID, "fd", "2")), m.PID)
	defer logs.close()
	reliable := s.proc.awaitIdle(ctx, m.PID)
	before, err := s.proc.children(m.PID)
	if err != nil {
		return Reloaded{}, fmt.Errorf("reloading nginx: %w", err)
	}
	if err := s.proc.signal(m.Process, unix.SIGHUP); err != nil {
		return Reloaded{}, fmt.Errorf("reloading nginx: %w", err)
	}
	w := watch{proc: s.proc, master: m.Process, before: before, logs: logs, reliable: reliable}
	done, err := w.wait(ctx)
	if err != nil {
		return done, fmt.Errorf("reloading nginx: %w", err)
	}
	return done, nil
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

// idle says whether a master waits for its next signal: with signals blocked
// everywhere else, nginx sleeps in sigsuspend(2) exactly when it has handled
// all that came (nginx: ngx_master_process_cycle). One that was sent a signal
// and has not run since is in that call, too, so none may be pending; that is
// read first. It is not known where /proc/PID/syscall cannot be read.
func (p procfs) idle(pid int) (idle, known bool) {
	pending := p.signalPending(pid)
	raw, err := os.ReadFile(p.path(pid, "syscall"))
	if err != nil {
		return false, false
	}
	number, _, _ := strings.Cut(string(raw), " ")
	return !pending && number == strconv.Itoa(unix.SYS_RT_SIGSUSPEND), true
}

// signalPending says whether a signal to the process is still to be handled
// (proc_pid_status(5)).
func (p procfs) signalPending(pid int) bool {
	raw, _ := os.ReadFile(p.path(pid, "status")) // who is gone has none
	for line := range strings.Lines(string(raw)) {
		name, mask, _ := strings.Cut(line, ":")
		if (name == "SigPnd" || name == "ShdPnd") && strings.Trim(mask, " \t\n0") != "" {
			return true
		}
	}
	return false
}

// idleLimit is long enough for nginx to read a large configuration.
const idleLimit = 5 * time.Second

// awaitIdle waits until the master has finished what it does, such as a reload
// of somebody else, which may have read the files before ours changed. It
// says whether the master was seen idle; if it never is, idle cannot be
// relied on here (no /proc/PID/syscall, or a binary of another word size).
func (p procfs) awaitIdle(ctx context.Context, pid int) bool {
	seen := false
	_ = poll.Until(ctx, idleLimit, 10*time.Millisecond, func() (bool, error) {
		idle, known := p.idle(pid)
		seen = idle
		return idle || !known, nil
	})
	return seen
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
