package nginx

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"edgeman/deployer/poll"
)

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
