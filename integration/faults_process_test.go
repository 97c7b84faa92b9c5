//go:build integration && faults

package integration

import (
	"bytes"
	"os/exec"
	"strings"
	"time"

	"edgeman/deployer/outcome"
)

// processFaults kill what runs: the slots' services, the containers and Docker.
func processFaults() []fault {
	const service, container, docker = "edgeman serve is killed", "The container is killed", "Docker dies"
	return []fault{
		{group: service, name: "candidate", ports: true, do: func(s *scene) {
			swap := s.background("edgeman", "swap", "myapp", "slow")
			s.kill(unit(s.startingSlot()))
			s.ends(swap, outcome.ExitDone)
			s.repaired("systemd; the swap went on")
		}},
		{group: service, name: "live", ports: true, do: func(s *scene) {
			slot, container, _ := s.live()
			for range 3 {
				s.inside()
				s.kill(unit(slot))
				s.healthy()
			}
			if _, now, _ := s.live(); now != container {
				s.Errorf("%s runs, not %s", now, container)
			}
			s.repaired("systemd; the container went on")
		}},
		{group: service, name: "draining", ports: true, do: func(s *scene) {
			old := s.detachedSwap()
			s.kill(unit(old))
			s.settled()
			s.repaired("systemd; the slot drained on and ended")
		}},
		{group: service, name: "holding (swap, stop-first)", ports: true, do: func(s *scene) {
			slot, _, _ := s.live()
			swap := s.background("edgeman", "swap", "myapp", "slow", "--strategy", "stop-first")
			s.inState(slot, "paused")
			s.kill(unit(slot))
			out := s.ended(swap)
			s.healthy()
			s.repaired("systemd; the swap %s", map[bool]string{true: "went on", false: "was undone"}[contains(out, "slow in")])
		}},
		{group: service, name: "paused", ports: true, do: func(s *scene) {
			slot, _, _ := s.live()
			s.must("edgeman", "pause", "myapp", "--max", "50s") // nginx itself waits for 60 s
			s.kill(unit(slot))
			s.inState(slot, "paused")
			s.must("edgeman", "resume", "myapp")
			s.healthy()
			s.repaired("systemd; the pause went on until `edgeman resume`")
		}},
		{group: container, name: "starting", do: func(s *scene) {
			swap := s.background("edgeman", "swap", "myapp", "slow")
			s.sh("docker kill -s KILL $(docker ps -q --filter label=edgeman.slot=" + s.startingSlot() + ")")
			s.ends(swap, outcome.ExitDone)
			s.repaired("edgeman serve started it again; the swap went on")
		}},
		{group: container, name: "live", ports: true, finding: "app-restarting", do: func(s *scene) {
			for range 3 {
				s.inside()
				_, name, _ := s.live()
				s.must("docker", "kill", "-s", "KILL", name)
				s.must("curl", "-s", "--max-time", "30", "http://127.0.0.1/")
				s.healthy()
			}
			s.repaired("edgeman serve started it again")
		}},
		{group: container, name: "draining", ports: true, do: func(s *scene) {
			old := s.detachedSwap()
			s.sh("docker kill -s KILL $(docker ps -q --filter label=edgeman.slot=" + old + ")")
			s.settled()
			s.repaired("the slot ended")
		}},
		{group: docker, name: "systemctl restart docker", ports: true, do: func(s *scene) {
			s.inside()
			s.must("systemctl", "restart", "docker")
			s.healthy()
			s.repaired("edgeman serve started the container again")
		}},
		{group: docker, name: "dockerd killed", ports: true, do: func(s *scene) {
			s.inside()
			s.kill("docker.service")
			s.dockerUp()
			s.healthy()
			s.repaired("systemd; edgeman serve started the container again")
		}},
		{group: docker, name: "containerd killed", do: func(s *scene) {
			s.inside()
			s.kill("containerd.service")
			s.dockerUp()
			s.within(60*time.Second, "Docker starts containers again", func() bool {
				code, _ := run(s.ctx, s.T, s.h, "edgeman", "swap", "myapp", s.other())
				return code == outcome.ExitDone
			})
			s.repaired("systemd; a swap as soon as Docker has found containerd again")
		}},
		{group: docker, name: "dockerd killed during a swap", do: func(s *scene) {
			swap := s.background("edgeman", "swap", "myapp", "slow", "--timeout", "30s")
			s.startingSlot()
			s.inside()
			s.kill("docker.service")
			out := s.ended(swap)
			s.dockerUp()
			s.healthy()
			s.settled()
			s.repaired("systemd; the swap %s", map[bool]string{true: "went on", false: "was undone"}[contains(out, "slow in")])
		}},
	}
}

func nginxFaults() []fault {
	const group = "nginx, in the middle of a swap"
	during := func(s *scene, script string) {
		swap := s.background("edgeman", "swap", "myapp", "slow")
		s.startingSlot()
		s.sh(script)
		s.ends(swap, outcome.ExitDone)
	}
	return []fault{
		{group: group, name: "reload", ports: true, do: func(s *scene) { during(s, "systemctl reload nginx") }},
		{group: group, name: "restart", outage: "nginx itself is away", do: func(s *scene) { during(s, "systemctl restart nginx") }},
		{group: group, name: "a worker is killed", do: func(s *scene) {
			s.inside()
			during(s, "kill -9 $(pgrep -f '^nginx: worker process *$' | head -1)")
			s.repaired("nginx started another")
		}},
	}
}

// background is a command under way in the host.
type background struct {
	cmd *exec.Cmd
	out bytes.Buffer
}

func (s *scene) background(args ...string) *background {
	s.Helper()
	b := &background{cmd: s.h.Exec(s.ctx, args...)}
	b.cmd.Stdout, b.cmd.Stderr = &b.out, &b.out
	if err := b.cmd.Start(); err != nil {
		s.Fatal(err)
	}
	return b
}

// ended waits for the command and returns what it said.
func (s *scene) ended(b *background) string {
	s.Helper()
	err := b.cmd.Wait()
	s.Logf("%v: %v: %s", b.cmd.Args[len(b.cmd.Args)-2:], err, strings.TrimSpace(b.out.String()))
	return b.out.String()
}

func (s *scene) ends(b *background, code int) string {
	s.Helper()
	out := s.ended(b)
	if got := b.cmd.ProcessState.ExitCode(); got != code {
		s.Errorf("exit code %d, want %d\n%s", got, code, out)
	}
	return out
}

// inState waits until a slot is in the state.
func (s *scene) inState(slot, state string) {
	s.Helper()
	s.within(30*time.Second, slot+" is "+state, func() bool {
		for _, sl := range statusOf(s.ctx, s.T, s.h).Apps[0].Slots {
			if sl.Name == slot && sl.State == state {
				return true
			}
		}
		return false
	})
}

// startingSlot waits until the container of a swap under way is up and not yet
// healthy.
func (s *scene) startingSlot() string {
	s.Helper()
	name := ""
	s.within(30*time.Second, "a new container runs", func() bool {
		a := statusOf(s.ctx, s.T, s.h).Apps[0]
		for _, sl := range a.Slots {
			if sl.Name != a.Live && sl.State == "starting" {
				name = sl.Name
			}
		}
		return name != "" && s.sh("docker ps -q --filter label=edgeman.slot="+name) != ""
	})
	return name
}

// detachedSwap leaves the old slot draining with a request of some seconds
// inside, and returns it.
func (s *scene) detachedSwap() string {
	s.Helper()
	old, _, _ := s.live()
	s.background("curl", "-s", "--max-time", "20", "http://127.0.0.1/?delay=6s")
	s.must("sleep", "0.3")
	s.swap("--detach")
	s.inState(old, "draining")
	return old
}

func (s *scene) dockerUp() {
	s.Helper()
	s.within(60*time.Second, "Docker answers", func() bool {
		_, err := s.h.Run(s.ctx, "docker", "version")
		return err == nil
	})
}
