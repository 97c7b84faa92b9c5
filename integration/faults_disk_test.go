//go:build integration && faults

package integration

import (
	"fmt"
	"strings"

	"edgeman/deployer/outcome"
)

// diskFaults leave no room for what edgeman writes.
func diskFaults() []fault {
	const group = "The disk is full"
	return []fault{
		{group: group, name: "swap (overlap), from every write on", ports: true, do: func(s *scene) { s.fullAtEveryWrite("swap", "") }},
		{group: group, name: "swap (stop-first), from every write on", do: func(s *scene) { s.fullAtEveryWrite("swap", "stop-first") }},
		{group: group, name: "rollback, from every write on", do: func(s *scene) { s.fullAtEveryWrite("rollback", "") }},
		{group: group, name: "adopt, from every write on", do: adoptOnFullDisk},
		{group: group, name: "a file system of 1 MB, really full", do: reallyFull},
	}
}

// fullAtEveryWrite makes every write of the command fail with ENOSPC, from its
// first on, then from its second, until it gets through.
func (s *scene) fullAtEveryWrite(command, strategy string) {
	args := []string{command, "myapp"}
	if strategy != "" {
		args = append(args, "--strategy", strategy)
	}
	s.swap()
	codes := map[int]int{}
	for n := 1; ; n++ {
		now := args
		if command == "swap" {
			now = append(args, s.other())
		}
		code, out, hit := s.full(n, now...)
		if !hit {
			break
		}
		switch {
		case code == outcome.ExitDone && contains(out, "cut"):
			// Only an old release's record could not be removed: that is tried again.
		case code != outcome.ExitFailed && code != outcome.ExitBroken:
			s.Errorf("without room from write %d on: exit %d\n%s", n, code, out)
		}
		codes[code]++
		s.clearUp(n)
	}
	s.left("a release live; the command says: undone (exit code 1) %d×, not fully (5) %d×, done %d×", codes[outcome.ExitFailed], codes[outcome.ExitBroken], codes[outcome.ExitDone])
	s.repaired("the next swap and `edgeman repair`, in turn")
}

// full runs edgeman with a disk that has no room from the n-th write on.
func (s *scene) full(n int, args ...string) (code int, out string, hit bool) {
	s.Helper()
	s.must("rm", "-f", "/tmp/report")
	code, out = run(s.ctx, s.T, s.h, append([]string{
		"/opt/failpoint", "-at", fmt.Sprint(n), "-do", "enospc", "-calls", "writes",
		"-under", "/var/lib/edgeman,/etc", "-report", "/tmp/report", "--", "edgeman",
	}, args...)...)
	at, hit := strings.CutPrefix(s.sh("cat /tmp/report || true"), fmt.Sprint(n)+" ")
	if hit {
		s.Logf("no room from %d on, %s: exit %d: %s", n, at, code, strings.ReplaceAll(strings.TrimSpace(out), "\n", "; "))
	} else if code != 0 {
		s.Fatalf("edgeman %v: exit %d\n%s", args, code, out)
	}
	return code, out, hit
}

func adoptOnFullDisk(s *scene) {
	s.must("edgeman", "unadopt", "myapp", "--yes", "--to", "original")
	before := siteFile(s.ctx, s.T, s.h)
	codes := map[int]int{}
	// Many of the writes are pieces of one file; every third shows the same.
	for n := 1; ; n += 3 {
		code, _, hit := s.full(n, "adopt", site80, "--yes", "--mode", s.mode, "--health", "/health")
		if !hit {
			break
		}
		codes[code]++
		s.must("curl", "-sf", "--max-time", "20", "http://127.0.0.1/")
		s.Logf("repair: %s", strings.TrimSpace(s.sh("edgeman repair myapp; true")))
		if siteFile(s.ctx, s.T, s.h) != before {
			s.one(fmt.Sprintf("write %d", n))
			s.must("edgeman", "unadopt", "myapp", "--yes")
		}
		s.givenBack()
	}
	s.left("as before adopt; it says: undone %d×, not fully undone %d×", codes[outcome.ExitFailed], codes[outcome.ExitBroken])
	s.repaired("`edgeman repair`")
}

// reallyFull puts the whole state on a file system of 1 MB and fills it up.
func reallyFull(s *scene) {
	s.must("edgeman", "unadopt", "myapp", "--yes", "--to", "original")
	s.sh(`cp -a /var/lib/edgeman /root/kept && mount -t tmpfs -o size=1m,mode=755 tmpfs /var/lib/edgeman && cp -a /root/kept/. /var/lib/edgeman/`)
	s.adopt()
	s.swap()
	s.sh("dd if=/dev/zero of=/var/lib/edgeman/filler bs=1k 2>/dev/null; true")
	for _, args := range [][]string{{"swap", "myapp", s.other()}, {"swap", "myapp", s.other(), "--strategy", "stop-first"}, {"rollback", "myapp"}, {"restart", "myapp"}} {
		code, out := run(s.ctx, s.T, s.h, append([]string{"edgeman"}, args...)...)
		s.Logf("%v: exit %d: %s", args, code, strings.TrimSpace(out))
		if code == 0 || !contains(out, "no space left on device") {
			s.Errorf("%v without room: exit %d\n%s", args, code, out)
		}
	}
	_, name, _ := s.live()
	s.inside()
	s.must("docker", "kill", "-s", "KILL", name) // the slot's service needs no room for its work
	s.must("curl", "-sf", "--max-time", "30", "http://127.0.0.1/")
	s.healthy()
	s.must("rm", "/var/lib/edgeman/filler")
	s.sh("edgeman repair myapp")
	s.swap()
	s.must("edgeman", "unadopt", "myapp", "--yes", "--to", "original")
	s.sh("umount /var/lib/edgeman; rm -r /root/kept")
	s.adopt()
	s.left("the same release live")
	s.repaired("room, then the next command")
}
