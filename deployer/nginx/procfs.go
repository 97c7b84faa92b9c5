package nginx

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// userHZ is the unit of times in /proc/PID/stat: 1/100 s on every
// architecture that Linux still supports (proc(5), sysconf(_SC_CLK_TCK)).
const userHZ = 100

// tick is the resolution of a process's start time.
const tick = time.Second / userHZ

// Process is one process at one time. PID and Ticks together identify it for
// as long as the machine is up, since a reused pid has another start.
type Process struct {
	PID   int
	Ticks uint64    // start, in 1/100 s since boot
	Start time.Time // the same on the wall clock, rounded down to 10 ms
	Title string    // command line as nginx sets it, words joined by spaces
}

// procfs reads processes; tests point it at a directory of their own.
type procfs struct {
	root string
	boot func() (time.Time, error) // moment of boot on today's wall clock
}

func realProc() procfs { return procfs{root: "/proc", boot: bootTime} }

// bootTime is computed from two clocks, as btime in /proc/stat has whole
// seconds only.
func bootTime() (time.Time, error) {
	const tries = 10
	for try := 1; ; try++ {
		var ts unix.Timespec
		before := time.Now()
		if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
			return time.Time{}, fmt.Errorf("reading the boot clock: %w", err)
		}
		// A process that was kept from running between the two clocks would date
		// every worker wrongly.
		if now := time.Now(); now.Sub(before) < time.Millisecond || try == tries {
			return now.Add(-time.Duration(ts.Nano())), nil
		}
	}
}

func (p procfs) path(pid int, elem ...string) string {
	return filepath.Join(append([]string{p.root, strconv.Itoa(pid)}, elem...)...)
}

// pids lists the processes that exist at this moment.
func (p procfs) pids() ([]int, error) {
	entries, err := os.ReadDir(p.root)
	if err != nil {
		return nil, fmt.Errorf("listing processes: %w", err)
	}
	var pids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// children lists the processes whose parent is the given one.
func (p procfs) children(parent int) ([]Process, error) {
	pids, err := p.pids()
	if err != nil {
		return nil, err
	}
	var all []Process
	for _, pid := range pids {
		raw, err := os.ReadFile(p.path(pid, "stat"))
		if err != nil {
			continue // gone meanwhile
		}
		if _, up, _, err := parseStat(string(raw)); err != nil || up != parent {
			continue
		}
		if proc, _, err := p.read(pid); err == nil {
			all = append(all, proc)
		}
	}
	return all, nil
}

// read returns a process and its parent. The error is fs.ErrNotExist or
// ESRCH when the process is gone, and os.ErrProcessDone when only its exit
// status is left.
func (p procfs) read(pid int) (Process, int, error) {
	raw, err := os.ReadFile(p.path(pid, "stat"))
	if err != nil {
		return Process{}, 0, err
	}
	state, parent, ticks, err := parseStat(string(raw))
	if err != nil {
		return Process{}, 0, fmt.Errorf("reading the state of process %d: %w", pid, err)
	}
	if state == 'Z' || state == 'X' {
		return Process{}, 0, fmt.Errorf("process %d has exited: %w", pid, os.ErrProcessDone)
	}
	cmdline, err := os.ReadFile(p.path(pid, "cmdline"))
	if err != nil {
		return Process{}, 0, err
	}
	boot, err := p.boot()
	if err != nil {
		return Process{}, 0, err
	}
	title := string(bytes.ReplaceAll(bytes.TrimRight(cmdline, "\x00"), []byte{0}, []byte{' '}))
	start := boot.Add(time.Duration(ticks) * tick)
	return Process{PID: pid, Ticks: ticks, Start: start, Title: strings.TrimSpace(title)}, parent, nil
}

// parseStat reads state, parent and start time from /proc/PID/stat (proc(5),
// fields 3, 4 and 22). The name in field 2 may hold spaces and parentheses.
func parseStat(raw string) (state byte, parent int, ticks uint64, err error) {
	end := strings.LastIndexByte(raw, ')')
	fields := strings.Fields(raw[end+1:])
	if end < 0 || len(fields) < 20 {
		return 0, 0, 0, fmt.Errorf("unexpected format %q", raw)
	}
	if parent, err = strconv.Atoi(fields[1]); err != nil {
		return 0, 0, 0, err
	}
	if ticks, err = strconv.ParseUint(fields[19], 10, 64); err != nil {
		return 0, 0, 0, err
	}
	return fields[0][0], parent, ticks, nil
}
