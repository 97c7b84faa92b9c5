package host

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Every host lives in a control group of its own, directly below the root of
// the unified hierarchy. The group is how a host is found again by another
// process, and how everything in it is killed without naming a single process.

func cgroupName(name string) string { return "edgeman-test-" + name }

// cgroupMounts returns where the unified hierarchy is mounted and where all
// hierarchies are (on a hybrid machine systemd-nspawn makes a twin group in the
// v1 hierarchy named systemd).
func cgroupMounts() (unified string, all []string, err error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return "", nil, err
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		before, after, ok := strings.Cut(s.Text(), " - ")
		fields, fstype := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || !strings.HasPrefix(fstype[0], "cgroup") {
			continue
		}
		all = append(all, fields[4])
		if fstype[0] == "cgroup2" {
			unified = fields[4]
		}
	}
	if unified == "" {
		return "", nil, errors.New("no cgroup2 hierarchy is mounted; the test host needs one")
	}
	return unified, all, nil
}

func cgroupDir(name string) (string, error) {
	unified, _, err := cgroupMounts()
	return filepath.Join(unified, cgroupName(name)), err
}

func makeCgroup(name string) (*os.File, error) {
	dir, err := cgroupDir(name)
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make a control group: %w", err)
	}
	return os.Open(dir)
}

func populated(name string) bool {
	dir, err := cgroupDir(name)
	if err != nil {
		return false
	}
	events, err := os.ReadFile(filepath.Join(dir, "cgroup.events"))
	return err == nil && strings.Contains(string(events), "populated 1")
}

// killCgroup ends every process of the host at once, as a power cut would.
func killCgroup(ctx context.Context, name string) error {
	dir, err := cgroupDir(name)
	if err != nil {
		return err
	}
	if !exists(dir) {
		return nil
	}
	if err := os.WriteFile(filepath.Join(dir, "cgroup.kill"), []byte("1"), 0); err != nil {
		return fmt.Errorf("kill host %s: %w", name, err)
	}
	return poll(ctx, time.Minute, "host "+name+" to die", func() bool { return !populated(name) })
}

func removeCgroup(name string) error {
	_, mounts, err := cgroupMounts()
	if err != nil {
		return err
	}
	for _, mount := range mounts {
		top := filepath.Join(mount, cgroupName(name))
		var dirs []string
		filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				dirs = append(dirs, path)
			}
			return nil
		})
		for i := len(dirs) - 1; i >= 0; i-- {
			if err := os.Remove(dirs[i]); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// leader is the process id, as seen from here, of the host's process 1.
func leader(name string) (int, error) {
	dir, err := cgroupDir(name)
	if err != nil {
		return 0, err
	}
	found := 0
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "cgroup.procs" {
			return nil
		}
		procs, _ := os.ReadFile(path)
		for _, field := range strings.Fields(string(procs)) {
			if pid, err := strconv.Atoi(field); err == nil && isLeader(pid) {
				found = pid
				return fs.SkipAll
			}
		}
		return nil
	})
	if found == 0 {
		return 0, fmt.Errorf("host %s is not running", name)
	}
	return found, nil
}

// isLeader tells process 1 of a host by its place: systemd-nspawn is process 1
// of a namespace below ours, the host's systemd of one below that.
func isLeader(pid int) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(status), "\nNSpid:")
	line, _, _ := strings.Cut(rest, "\n")
	pids := strings.Fields(line)
	return len(pids) == 3 && pids[2] == "1"
}

// poll waits until done reports true, at most for limit.
func poll(ctx context.Context, limit time.Duration, what string, done func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, ctx.Err())
		case <-tick.C:
		}
	}
	return nil
}
