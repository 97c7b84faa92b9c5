//go:build integration && faults

package integration

import (
	"fmt"
	"strings"
	"time"

	"edgeman/deployer/outcome"
)

// powerFaults cut the host's power before each change that a command makes, and
// boot it again on the same disk.
func powerFaults() []fault {
	const group = "The power is cut"
	return []fault{
		{group: group, name: "while nothing happens", ports: true, outage: "the host is down", do: func(s *scene) {
			s.sleepThenCut()
			s.repaired("the boot")
		}},
		{group: group, name: "swap (overlap), at every change", ports: true, outage: "the host is down", do: func(s *scene) { s.cutAtEveryChange(1, "swap", "myapp", "") }},
		{group: group, name: "swap (stop-first), at every change", outage: "the host is down", do: func(s *scene) { s.cutAtEveryChange(1, "swap", "myapp", "", "--strategy", "stop-first") }},
		{group: group, name: "adopt, at every change", outage: "the host is down", do: adoptCut},
		{group: group, name: "unadopt, at every change", outage: "the host is down", do: unadoptCut},
		{group: group, name: "paused", ports: true, outage: "the host is down", do: func(s *scene) {
			s.must("edgeman", "pause", "myapp", "--max", "50s") // nginx itself waits for 60 s
			s.cut()
			s.inState(statusOf(s.ctx, s.T, s.h).Apps[0].Live, "paused")
			s.must("edgeman", "resume", "myapp")
			s.serves()
			s.left("paused as before, until its deadline")
			s.repaired("`edgeman resume`")
		}},
		{group: group, name: "order of writes", do: writeOrder},
	}
}

func (s *scene) sleepThenCut() {
	_, _, before := s.live()
	s.cut()
	s.serves()
	if _, _, now := s.live(); now != before {
		s.Errorf("release %d serves after the boot, %d before", now, before)
	}
}

// cut ends the host and its load with it, and boots it.
func (s *scene) cut() {
	s.Helper()
	if err := s.h.PowerCut(s.ctx); err != nil {
		s.Fatal(err)
	}
	s.stopped = true // the clients died with the host
	if err := s.h.Boot(s.ctx); err != nil {
		s.Fatal(err)
	}
}

// serves waits until the site answers after a boot.
func (s *scene) serves() {
	s.Helper()
	s.within(60*time.Second, "the site answers", func() bool {
		_, err := s.h.Run(s.ctx, "curl", "-sf", "--max-time", "30", "http://127.0.0.1/")
		return err == nil
	})
}

// frozen runs edgeman until it is about to make its n-th change, and leaves it
// there; false if it got through.
func (s *scene) frozen(n int, args ...string) (string, bool) {
	s.Helper()
	s.must("rm", "-f", "/tmp/report")
	b := s.background(append([]string{
		"/opt/failpoint", "-at", fmt.Sprint(n), "-do", "freeze",
		"-under", "/var/lib/edgeman,/etc", "-report", "/tmp/report", "--", "edgeman",
	}, args...)...)
	ended := make(chan error, 1)
	go func() { ended <- b.cmd.Wait() }()
	for {
		if at, hit := strings.CutPrefix(s.sh("cat /tmp/report 2>/dev/null || true"), fmt.Sprint(n)+" "); hit {
			return at, true
		}
		select {
		case err := <-ended:
			if err != nil {
				s.Fatalf("edgeman %v: %v\n%s", args, err, b.out.String())
			}
			return "", false
		case <-s.ctx.Done():
			s.Fatal(s.ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// cutAtEveryChange cuts the power before the command's n-th change for every n;
// an empty argument stands for the other image.
func (s *scene) cutAtEveryChange(first int, args ...string) {
	old, done, cuts := 0, 0, 0
	for n := first; ; n++ {
		now := make([]string, len(args))
		for i, a := range args {
			now[i] = a
			if a == "" {
				now[i] = s.other()
			}
		}
		_, _, before := s.live()
		at, hit := s.frozen(n, now...)
		if !hit {
			break
		}
		cuts++
		s.cut()
		s.serves()
		_, _, after := s.live()
		if after == before {
			old++
		} else {
			done++
		}
		out := s.sh("edgeman repair myapp --wait 60s")
		s.Logf("cut at %d, %s: release %d before, %d after the boot; repair: %s", n, strings.TrimSpace(at), before, after, strings.TrimSpace(out))
		s.settled()
		s.one(at)
	}
	if cuts < 3 {
		s.Errorf("only %d changes were seen", cuts)
	}
	s.left("%d cuts: the old release serves after %d, the new one after %d", cuts, old, done)
	s.repaired("the boot and `edgeman repair`")
}

func adoptCut(s *scene) {
	s.must("edgeman", "unadopt", "myapp", "--yes", "--to", "original")
	before := siteFile(s.ctx, s.T, s.h)
	back, done := 0, 0
	for n := 1; ; n++ {
		at, hit := s.frozen(n, "adopt", site80, "--yes", "--mode", s.mode, "--health", "/health")
		if !hit {
			break
		}
		s.cut()
		s.serves()
		s.Logf("cut at %d, %s; repair: %s", n, strings.TrimSpace(at), strings.TrimSpace(s.sh("edgeman repair myapp; true")))
		s.serves()
		if siteFile(s.ctx, s.T, s.h) == before {
			back++
		} else {
			done++
			s.one(at)
			s.must("edgeman", "unadopt", "myapp", "--yes")
		}
		s.givenBack()
	}
	s.left("%d× as before adopt, %d× adopted whole", back, done)
	s.repaired("the boot and `edgeman repair`")
}

func unadoptCut(s *scene) {
	before := siteFile(s.ctx, s.T, s.h)
	back, stayed := 0, 0
	for n := 1; ; n++ {
		at, hit := s.frozen(n, "unadopt", "myapp", "--yes", "--to", "original")
		if !hit {
			break
		}
		s.cut()
		s.serves()
		code, out := run(s.ctx, s.T, s.h, "edgeman", "repair", "myapp")
		s.Logf("cut at %d, %s; repair (exit %d): %s", n, strings.TrimSpace(at), code, strings.TrimSpace(out))
		s.serves()
		if siteFile(s.ctx, s.T, s.h) == before {
			stayed++
			s.one(at)
			continue
		}
		back++
		s.givenBack()
		s.adopt()
	}
	s.givenBack()
	s.adopt()
	s.left("%d× adopted as before, %d× given back whole", stayed, back)
	s.repaired("the boot and `edgeman repair`")
}

// writeOrder watches what the commands do to files: what is renamed into place
// was synced before, and its directory is synced before anything else is done.
func writeOrder(s *scene) {
	changes := 0
	for _, args := range [][]string{{"swap", "myapp", "v2"}, {"swap", "myapp", "v1", "--strategy", "stop-first"}, {"rollback", "myapp"}, {"unadopt", "myapp", "--yes", "--to", "original"}, {"adopt", site80, "--yes", "--mode", s.mode, "--health", "/health"}} {
		s.must("rm", "-f", "/tmp/report")
		code, out := run(s.ctx, s.T, s.h, append([]string{"/opt/failpoint", "-calls", "writes", "-under", "/var/lib/edgeman,/etc", "-report", "/tmp/report", "--", "edgeman"}, args...)...)
		if code != outcome.ExitDone {
			s.Fatalf("%v: exit %d\n%s", args, code, out)
		}
		changes += s.ordered(args[0], strings.Split(s.sh("cut -d' ' -f2- /tmp/report"), "\n"))
	}
	s.left("%d renames in swap, rollback, unadopt and adopt: each file synced before, each directory after", changes)
}

// ordered checks one command's calls and returns its number of renames.
func (s *scene) ordered(command string, calls []string) int {
	s.Helper()
	renames := 0
	dirty := map[string]bool{} // written since the last fsync
	for i, call := range calls {
		what, path, _ := strings.Cut(call, " ")
		switch what {
		case "write":
			dirty[path] = true
		case "fsync":
			delete(dirty, path)
		case "rename":
			renames++
			to, from, _ := strings.Cut(path, " from ")
			if dirty[from] {
				s.Errorf("%s renames %s, which was not synced", command, call)
			}
			dir := to[:strings.LastIndexByte(to, '/')]
			if i+1 >= len(calls) || calls[i+1] != "fsync "+dir {
				s.Errorf("%s: after %q comes %q and not fsync of %s", command, call, strings.Join(calls[i+1:min(i+2, len(calls))], ""), dir)
			}
		}
	}
	if renames == 0 {
		s.Errorf("%s renamed nothing: %d calls", command, len(calls))
	}
	return renames
}
