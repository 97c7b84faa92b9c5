package nginx

import (
	"errors"
	"fmt"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

func TestGenerations(t *testing.T) {
	as := func(title string, pids ...int) (all []Process) {
		for _, pid := range pids {
			all = append(all, Process{PID: pid, Ticks: uint64(pid), Title: title})
		}
		return all
	}
	join := func(lists ...[]Process) (all []Process) {
		for _, l := range lists {
			all = append(all, l...)
		}
		return all
	}
	unready, cache := titleMaster+" nginx -g daemon on;", "nginx: cache manager process"
	before := join(as(titleShutdown, 1), as(titleWorker, 2, 3), as(cache, 9))
	reused := as(titleWorker, 2)
	reused[0].Ticks = 99
	for _, tt := range []struct {
		name                                string
		now                                 []Process
		fresh, stale, leaving, unready, new int
		unchanged                           bool
	}{
		{"nothing happened", before, 0, 2, 1, 0, 0, true},
		{"both generations accept", as(titleWorker, 2, 3, 4), 1, 2, 0, 0, 1, false},
		{"done", join(as(titleShutdown, 2), as(titleWorker, 4, 5), as(cache, 19)), 2, 0, 1, 0, 3, false},
		{"reused pid", reused, 1, 0, 0, 0, 1, false},
		{"torn picture of two reloads", as(titleShutdown, 2, 4), 0, 0, 2, 0, 1, false},
		{"torn, a slow old one", join(as(titleWorker, 2), as(titleShutdown, 4)), 0, 1, 1, 0, 1, false},
		{"none in the picture", nil, 0, 0, 0, 0, 0, false},
		{"nobody has run yet", join(before, as(unready, 4, 5)), 0, 2, 1, 2, 2, false},
		{"only the cache manager has", join(before, as(cache, 19)), 0, 2, 1, 0, 1, false},
		{"in the middle of taking a title", join(before, as("nginx: worter process nginx", 4)), 0, 2, 1, 0, 1, false},
	} {
		g := compare(before, tt.now)
		if len(g.fresh) != tt.fresh || len(g.stale) != tt.stale || len(g.leaving) != tt.leaving || g.unready != tt.unready || g.came != tt.new || g.unchanged() != tt.unchanged {
			t.Errorf("%s: %+v", tt.name, g)
		}
	}
	if g := compare(as(unready, 2), as(titleWorker, 2)); len(g.stale) != 1 || len(g.fresh) != 0 {
		t.Errorf("one of an earlier reload that was not set up at the signal: %+v", g)
	}
}

// A master that was sent a signal and has not run since is not idle.
func TestIdle(t *testing.T) {
	for mask, want := range map[string]bool{"0000000000000000": true, "0000000000000001": false} {
		p := newProc(t)
		p.add(10, 1, 100, "nginx: master process nginx")
		put(t, p.path(10, "syscall"), fmt.Appendf(nil, "%d 0x7ffc 0x8 0x0\n", unix.SYS_RT_SIGSUSPEND))
		put(t, p.path(10, "status"), []byte("Name:\tnginx\nSigPnd:\t0000000000000000\nShdPnd:\t"+mask+"\nSigCgt:\t0000000198016a07\n"))
		if idle, known := p.idle(10); idle != want || !known {
			t.Errorf("pending %s: idle %v, known %v", mask, idle, known)
		}
	}
}

// starve lets the workers wait for a processor, until the kernel has mercy
// (sched(7), real-time throttling). The master does not wait: as on a busy
// machine, new workers exist long before they do anything, and old ones do not
// hear that they are to leave.
func (n *instance) starve() {
	n.t.Helper()
	var one, all unix.CPUSet
	must(n.t, unix.SchedGetaffinity(0, &all))
	if all.Count() < 2 {
		n.t.Skip("SKIPPED: needs two processors")
	}
	for cpu := 0; one.Count() == 0; cpu++ {
		if all.IsSet(cpu) {
			one.Set(cpu)
		}
	}
	f := n.facts()
	burner := exec.Command("sh", "-c", "while :; do :; done")
	must(n.t, burner.Start())
	n.t.Cleanup(func() { _ = burner.Process.Kill(); _ = burner.Wait() })
	pids := []int{f.Master.PID, burner.Process.Pid}
	for _, w := range f.Workers {
		pids = append(pids, w.PID)
	}
	for _, pid := range pids {
		must(n.t, unix.SchedSetaffinity(pid, &one))
	}
	for pid, priority := range map[int]uint32{f.Master.PID: 20, burner.Process.Pid: 10} {
		attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Flags: unix.SCHED_FLAG_RESET_ON_FORK, Priority: priority}
		if err := unix.SchedSetAttr(pid, &attr, 0); err != nil {
			n.t.Skipf("SKIPPED: needs real-time scheduling: %v", err)
		}
	}
}

// What nginx has taken is not called refused because its new workers had no
// chance to run yet, and what it has refused is.
func TestReloadOnABusyMachine(t *testing.T) {
	n := start(t)
	n.starve()
	for _, answer := range []string{"v2", "v3", "v4"} {
		put(t, n.path("sites-available/app"), site(n.port, answer))
		_, err := n.server.Reload(soon(t))
		must(t, err)
		n.answers(answer)
	}
	put(t, n.path("sites-available/app"), []byte("bogus;"))
	if _, err := n.server.Reload(soon(t)); !errors.Is(err, errKept) {
		t.Errorf("got %v", err)
	}
	n.answers("v4")
}
