//go:build integration && faults

package integration

import (
	"time"
)

// unreachableFaults take away what edgeman talks to.
func unreachableFaults() []fault {
	const group = "What edgeman needs cannot be reached"
	return []fault{
		{group: group, name: "Docker: its socket is gone", do: func(s *scene) {
			s.must("mv", "/run/docker.sock", "/run/docker.sock.away")
			s.refuses()
			s.must("mv", "/run/docker.sock.away", "/run/docker.sock")
			s.swap()
			s.repaired("the next swap as ever")
		}},
		{group: group, name: "Docker: it does not answer", do: func(s *scene) {
			pid := mainPID(s.ctx, s.T, s.h, "docker.service")
			s.must("kill", "-STOP", pid)
			s.refuses()
			s.must("kill", "-CONT", pid)
			s.swap()
			s.repaired("the next swap as ever")
		}},
		{group: group, name: "Docker: stopped for some seconds", do: func(s *scene) {
			s.inside()
			s.sh("systemctl stop docker.socket docker.service && sleep 2 && systemctl start docker.service")
			s.dockerUp()
			s.healthy()
			s.repaired("edgeman serve started the container again")
		}},
		{group: group, name: "systemd: its socket and D-Bus are gone", do: func(s *scene) {
			s.sh("mv /run/systemd/private /run/systemd/private.away; mv /run/dbus/system_bus_socket /run/dbus/system_bus_socket.away")
			s.refuses()
			s.sh("mv /run/systemd/private.away /run/systemd/private; mv /run/dbus/system_bus_socket.away /run/dbus/system_bus_socket")
			s.swap()
			s.repaired("the next swap as ever")
		}},
	}
}

// refuses checks that a swap gives up in time, with a reason, and that status
// answers all the same.
func (s *scene) refuses() {
	s.Helper()
	begun := time.Now()
	code, out := run(s.ctx, s.T, s.h, "edgeman", "swap", "myapp", "v2", "--timeout", "10s")
	s.Logf("swap: exit %d after %.1fs: %s", code, time.Since(begun).Seconds(), out)
	if code == 0 || time.Since(begun) > 90*time.Second {
		s.Errorf("exit code %d after %v", code, time.Since(begun))
	}
	begun = time.Now()
	code, out = run(s.ctx, s.T, s.h, "edgeman", "status")
	if code != 0 || time.Since(begun) > 15*time.Second {
		s.Errorf("status: exit %d after %v\n%s", code, time.Since(begun), out)
	}
}
