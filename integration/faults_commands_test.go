//go:build integration && faults

package integration

import (
	"fmt"
	"strings"
	"time"

	"edgeman/deployer/outcome"
)

// commandFaults kill edgeman itself: before each change that it makes to what is
// on disk, and after each step that it prints.
func commandFaults() []fault {
	const group = "A command is killed"
	rows := []fault{
		{group: group, name: "swap (overlap), at every change", ports: true, do: func(s *scene) { s.killedAtEveryChange("swap", "") }},
		{group: group, name: "swap (stop-first), at every change", ports: true, do: func(s *scene) { s.killedAtEveryChange("swap", "stop-first") }},
		{group: group, name: "rollback, at every change", do: func(s *scene) { s.killedAtEveryChange("rollback", "") }},
		{group: group, name: "swap (overlap), after each printed step", do: killedAtSteps},
		{group: group, name: "pause, at every change", ports: true, do: pauseKilled},
		{group: group, name: "unadopt, at every change", ports: true, do: func(s *scene) { s.unadoptKilled() }},
		{group: group, name: "adopt (overlap), at every change", ports: true, do: func(s *scene) { s.adoptKilled("") }},
		{group: group, name: "adopt (stop-first), at every change", do: func(s *scene) { s.adoptKilled("-v data:/data") }},
	}
	return rows
}

// stopAt runs edgeman until it is about to make its n-th change, and does to it
// what is asked for: it returns the change, or false when there were fewer.
func (s *scene) stopAt(n int, do, calls string, args ...string) (string, bool) {
	s.Helper()
	s.must("rm", "-f", "/tmp/report")
	code, out := run(s.ctx, s.T, s.h, append([]string{
		"/opt/failpoint", "-at", fmt.Sprint(n), "-do", do, "-calls", calls,
		"-under", "/var/lib/edgeman,/etc", "-report", "/tmp/report", "--", "edgeman",
	}, args...)...)
	at, hit := strings.CutPrefix(s.sh("cat /tmp/report || true"), fmt.Sprint(n)+" ")
	if !hit && code != outcome.ExitDone {
		s.Fatalf("edgeman %v: exit %d\n%s", args, code, out)
	}
	if hit {
		s.Logf("%s at %d, %s; it said: %s", do, n, at, strings.TrimSpace(out))
	}
	return at, hit
}

// killedAtEveryChange kills the command before its first change, then before its
// second, until it gets through. In turn, the next swap and repair clear up.
func (s *scene) killedAtEveryChange(command, strategy string) {
	args := []string{command, "myapp"}
	if strategy != "" {
		args = append(args, "--strategy", strategy)
	}
	s.swap() // so that there is something to roll back to
	kills := 0
	for n := 1; ; n++ {
		now := args
		if command == "swap" {
			now = append(args, s.other())
		}
		if _, hit := s.stopAt(n, "kill", "changes", now...); !hit {
			break
		}
		kills++
		s.clearUp(n)
	}
	if kills < 5 {
		s.Errorf("only %d changes were seen", kills)
	}
	s.left("after each of %d kills: a release live, the other slot ending", kills)
	s.repaired("the next swap and `edgeman repair`, in turn")
}

// clearUp lets the next command find what the killed one has left.
func (s *scene) clearUp(n int) {
	s.Helper()
	begun := time.Now()
	var out string
	if n%2 == 0 {
		out = s.sh("edgeman repair myapp --wait 60s")
		s.settled()
	} else {
		out = s.swap()
	}
	s.Logf("then (%.1fs): %s", time.Since(begun).Seconds(), strings.ReplaceAll(strings.TrimSpace(out), "\n", "; "))
	s.one(fmt.Sprintf("change %d", n))
}

// one checks that exactly one release is left, in one container.
func (s *scene) one(when string) {
	s.Helper()
	wantOneContainer(s.ctx, s.T, s.h, when)
	if s.Failed() {
		s.FailNow()
	}
}

// settled waits until a slot that still ends by itself has ended.
func (s *scene) settled() {
	s.Helper()
	s.within(30*time.Second, "only one slot is filled", func() bool {
		return s.sh("ls /var/lib/edgeman/slots | wc -l; docker ps --all --quiet --filter label=edgeman.app | wc -l; systemctl list-units --plain --no-legend --state=active 'edgeman@*.socket' | wc -l") == "1\n1\n1"
	})
}

func killedAtSteps(s *scene) {
	for i, step := range []string{"pull", "start", "switch", "drain"} {
		killAt(s.ctx, s.T, s.h, step, "edgeman", "swap", "myapp", s.other())
		s.clearUp(i + 1)
	}
	s.left("after each of 4 kills: a release live, the other slot ending")
	s.repaired("the next swap and `edgeman repair`, in turn")
}

func pauseKilled(s *scene) {
	kills := 0
	for n := 1; ; n++ {
		if _, hit := s.stopAt(n, "kill", "changes", "pause", "myapp", "--max", "3s"); !hit {
			break
		}
		kills++
	}
	begun := time.Now()
	s.must("curl", "-sf", "--max-time", "20", "http://127.0.0.1/")
	s.Logf("requests flow again %.1fs after the last pause", time.Since(begun).Seconds())
	s.settled()
	s.healthy()
	s.left("%d kills, then a pause that took place and ended after its 3 s", kills)
	s.repaired("itself, at the deadline")
}

// unadoptKilled kills unadopt before each of its changes. After repair the
// site is given back whole or adopted whole.
func (s *scene) unadoptKilled() {
	before := siteFile(s.ctx, s.T, s.h)
	back, stayed := 0, 0
	for n := 1; ; n++ {
		if _, hit := s.stopAt(n, "kill", "changes", "unadopt", "myapp", "--yes", "--to", "original"); !hit {
			break
		}
		s.must("curl", "-sf", "--max-time", "20", "http://127.0.0.1/")
		out := s.sh("edgeman repair myapp; true")
		s.Logf("repair: %s", strings.TrimSpace(out))
		if siteFile(s.ctx, s.T, s.h) == before {
			stayed++
			s.one(fmt.Sprintf("change %d", n))
			continue
		}
		back++
		s.givenBack()
		s.adopt()
	}
	s.givenBack()
	s.adopt()
	s.left("%d× adopted as before, %d× given back whole", stayed, back)
	s.repaired("`edgeman repair`")
}

func (s *scene) givenBack() {
	s.Helper()
	s.must("mkdir", "-p", "/run/edgeman") // a boot leaves none
	wantNothingLeft(s.ctx, s.T, s.h)
	if s.Failed() {
		s.FailNow()
	}
}

func (s *scene) adopt() {
	s.Helper()
	s.must("edgeman", "adopt", site80, "--yes", "--mode", s.mode, "--health", "/health")
}

// adoptKilled kills an adoption before each of its changes.
func (s *scene) adoptKilled(options string) {
	s.must("edgeman", "unadopt", "myapp", "--yes", "--to", "original")
	if options != "" {
		s.original(options)
		s.must("curl", "-sf", "--retry", "20", "--retry-all-errors", "--retry-delay", "1", "http://127.0.0.1/")
		s.stop() // the container was away: the load begins here
		s.load()
	}
	before := siteFile(s.ctx, s.T, s.h)
	back, done := 0, 0
	for n := 1; ; n++ {
		if _, hit := s.stopAt(n, "kill", "changes", "adopt", site80, "--yes", "--mode", s.mode, "--health", "/health"); !hit {
			break
		}
		s.must("curl", "-sf", "--max-time", "20", "http://127.0.0.1/")
		s.Logf("repair: %s", strings.TrimSpace(s.sh("edgeman repair myapp; true")))
		if siteFile(s.ctx, s.T, s.h) == before {
			back++
		} else {
			done++
			s.one(fmt.Sprintf("change %d", n))
			s.must("edgeman", "unadopt", "myapp", "--yes")
		}
		s.givenBack()
	}
	if options != "" { // as before, for the rows that follow
		s.must("edgeman", "unadopt", "myapp", "--yes")
		s.judge()
		s.original("")
		s.serves()
		s.adopt()
	}
	s.left("%d× as before adopt, %d× adopted whole", back, done)
	s.repaired("`edgeman repair`")
}
