package nginx

import (
	"context"
	"errors"
	"fmt"
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
	if pid := readPid(s.PidFile + ".oldbin"); pid != 0 {
		if _, ok := s.proc.master(pid); ok {
			return Reloaded{}, fmt.Errorf("reloading nginx: %w", errUpgrading)
		}
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
