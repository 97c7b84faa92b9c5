//go:build integration && faults

package integration

import (
	"slices"

	"edgeman/deployer/outcome"
)

// swapFaults are many swaps, at once and in a row.
func swapFaults() []fault {
	const group = "Swaps"
	return []fault{
		{group: group, name: "two started in the same second", ports: true, do: func(s *scene) {
			first, second := s.background("edgeman", "swap", "myapp", "v1", "--wait", "60s"), s.background("edgeman", "swap", "myapp", "v2", "--wait", "60s")
			s.ends(first, outcome.ExitDone)
			s.ends(second, outcome.ExitDone)
			s.repaired("nothing to repair: one waited for the other")
		}},
		{group: group, name: "two started in the same second, nobody waits", do: func(s *scene) {
			first, second := s.background("edgeman", "swap", "myapp", "slow", "--wait", "0s"), s.background("edgeman", "swap", "myapp", "slow", "--wait", "0s")
			s.ended(first)
			s.ended(second)
			codes := []int{first.cmd.ProcessState.ExitCode(), second.cmd.ProcessState.ExitCode()}
			slices.Sort(codes)
			if codes[0] != outcome.ExitDone || codes[1] != outcome.ExitLocked {
				s.Errorf("exit codes %v, want %d and %d", codes, outcome.ExitDone, outcome.ExitLocked)
			}
			s.repaired("nothing to repair: one was told who holds the lock")
		}},
		{group: group, name: "100 in a row", ports: true, do: hundredSwaps},
	}
}

func hundredSwaps(s *scene) {
	const swaps = 100
	leaks := func() map[string]int {
		d := descriptors(s.ctx, s.T, s.h, "systemd", "dockerd", "serve")
		d["containers"] = number(s.T, s.sh("docker ps -aq | wc -l"))
		d["images"] = number(s.T, s.sh("docker images -q | wc -l"))
		d["units"] = number(s.T, s.sh("systemctl list-units --all --plain --no-legend 'edgeman@*' | wc -l"))
		d["mounts"] = number(s.T, s.sh("wc -l </proc/mounts"))
		d["files in /run/edgeman"] = number(s.T, s.sh("find /run/edgeman | wc -l"))
		return d
	}
	for range 12 { // until as many releases are kept as are ever kept
		s.swap()
	}
	before := leaks()
	kept := number(s.T, s.sh("ls /var/lib/edgeman/apps/myapp/releases | wc -l"))
	for range swaps {
		s.swap()
	}
	wantAsMany(s.T, swaps, before, leaks())
	if now := number(s.T, s.sh("ls /var/lib/edgeman/apps/myapp/releases | wc -l")); now != kept {
		s.Errorf("%d releases are kept, %d before", now, kept)
	}
	s.left("%d swaps: as many containers, images, units, mounts and descriptors as before", swaps)
}
