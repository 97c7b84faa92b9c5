//go:build integration && faults

package integration

import (
	"time"

	"edgeman/deployer/outcome"
)

// meddlingFaults are other people's hands.
func meddlingFaults() []fault {
	const group = "Somebody else"
	return []fault{
		{group: group, name: "removes the container", ports: true, do: func(s *scene) {
			s.inside()
			_, name, _ := s.live()
			s.must("docker", "rm", "-f", name)
			s.must("curl", "-sf", "--max-time", "30", "http://127.0.0.1/")
			s.healthy()
			s.repaired("edgeman serve made it again")
		}},
		{group: group, name: "stops the container", do: func(s *scene) {
			s.inside()
			_, name, _ := s.live()
			s.must("docker", "stop", name)
			s.must("curl", "-sf", "--max-time", "30", "http://127.0.0.1/")
			s.healthy()
			s.repaired("edgeman serve started it again")
		}},
		{group: group, name: "stops the slot's service", ports: true, do: func(s *scene) {
			slot, _, _ := s.live()
			s.inside()
			s.must("systemctl", "stop", unit(slot))
			s.must("curl", "-sf", "--max-time", "30", "http://127.0.0.1/")
			s.healthy()
			s.repaired("its socket: the next request started it")
		}},
		{group: group, name: "stops the slot's socket and service", ports: true, outage: "nothing listens until repair", do: func(s *scene) {
			slot, _, _ := s.live()
			s.sh("systemctl stop edgeman@myapp:" + slot + ".socket " + unit(slot))
			s.named("socket-inactive")
			s.repairs()
		}},
		{group: group, name: "removes the socket file", ports: true, outage: "nothing listens there until the new socket", do: func(s *scene) {
			slot, _, _ := s.live()
			s.must("rm", "/run/edgeman/myapp:"+slot+"/8080.sock")
			begun := time.Now()
			s.serves()
			s.Logf("requests flow again after %.1fs", time.Since(begun).Seconds())
			s.healthy()
			s.repaired("edgeman serve had systemd make a new one")
		}},
		{group: group, name: "removes the live pointer", ports: true, outage: "nginx finds nothing until repair", do: func(s *scene) {
			s.must("rm", "/var/lib/edgeman/apps/myapp/live")
			s.named("socket-inactive")
			s.repairs()
		}},
		{group: group, name: "removes the unit files", do: func(s *scene) {
			s.sh("mkdir /root/away && mv /etc/systemd/system/edgeman@.* /root/away/ && systemctl daemon-reload")
			s.Logf("check: %s", s.sh("edgeman check || true"))
			code, out := run(s.ctx, s.T, s.h, "edgeman", "swap", "myapp", s.other(), "--timeout", "5s")
			s.Logf("swap: exit %d: %s", code, out)
			if code != outcome.ExitFailed && code != outcome.ExitBroken {
				s.Errorf("a swap without unit files: exit %d", code)
			}
			s.Logf("install: %s", s.sh("edgeman install"))
			s.Logf("repair: %s", s.sh("edgeman repair myapp"))
			s.swap()
			s.sh("rm -r /root/away")
			s.repaired("`edgeman install`, and the next swap as ever")
		}},
		{group: group, name: "edits the site file between two commands", ports: true, do: func(s *scene) {
			s.sh("echo '# mine' >>" + site80 + " && systemctl reload nginx")
			s.swap()
			s.must("edgeman", "unadopt", "myapp", "--yes", "--to", "original")
			if got := s.sh("tail -1 " + site80); got != "# mine" {
				s.Errorf("after unadopt the site file ends with %q", got)
			}
			s.sh("sed -i '$d' " + site80 + " && systemctl reload nginx")
			s.adopt()
			s.repaired("nothing to repair: the edit stayed, also after unadopt")
		}},
		{group: group, name: "takes edgeman's edit out of the site file", outage: "nginx asks where nothing listens", do: func(s *scene) {
			s.sh("cp " + site80 + " /root/site && sed -i 's|unix:/var/lib/edgeman/apps/myapp/live/8080.sock|127.0.0.1:8080|' " + site80 + " && systemctl reload nginx")
			s.named("conf-drift")
			s.Logf("repair: %s", s.sh("edgeman repair myapp || true"))
			s.sh("cp /root/site " + site80 + " && systemctl reload nginx")
			s.serves()
			s.repaired("who did it; `edgeman check` names it")
		}},
		{group: group, name: "prunes everything (docker system prune --all)", ports: true, do: func(s *scene) {
			s.must("docker", "system", "prune", "--all", "--force")
			slot, _, _ := s.live()
			s.inside()
			s.must("systemctl", "stop", unit(slot))
			s.must("curl", "-sf", "--max-time", "30", "http://127.0.0.1/")
			s.healthy()
			s.must("edgeman", "restart", "myapp")
			s.must("edgeman", "unadopt", "myapp", "--yes", "--to", "live")
			s.must("curl", "-sf", "--max-time", "30", "http://127.0.0.1/")
			s.buildAll()
			s.adopt()
			s.repaired("nothing to repair: unadopt made the original again")
		}},
	}
}

// named checks that check names what is wrong.
func (s *scene) named(code string) {
	s.Helper()
	if got, out := run(s.ctx, s.T, s.h, "edgeman", "check"); got == 0 || !contains(out, code) {
		s.Errorf("check (exit %d) does not name %s:\n%s", got, code, out)
	}
}

// repairs is edgeman repair, after which requests flow.
func (s *scene) repairs() {
	s.Helper()
	begun := time.Now()
	s.Logf("repair (%.1fs): %s", time.Since(begun).Seconds(), s.sh("edgeman repair myapp"))
	s.must("curl", "-sf", "--max-time", "20", "http://127.0.0.1/")
	s.healthy()
	s.repaired("`edgeman repair`")
}
