//go:build integration && faults

package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"edgeman/deployer/outcome"
	"edgeman/integration/host"
)

// imageFaults are images that cannot serve, and pulls that break off.
func imageFaults() []fault {
	const group, pull = "The new image", "A pull from a registry"
	refused := func(tag string, env map[string]string, args ...string) func(*scene) {
		return func(s *scene) {
			if env != nil {
				env["ECHO_LISTEN"] = "auto"
				s.build(host.Image{Tag: "myapp:" + tag, Env: env})
			}
			s.fails(outcome.ExitFailed, append([]string{"edgeman", "swap", "myapp", tag}, args...)...)
			s.repaired("the swap was undone")
		}
	}
	return []fault{
		{group: group, name: "does not exist", do: refused("nosuch", nil)},
		{group: group, name: "is for another machine", do: func(s *scene) {
			s.build(host.Image{Tag: "myapp:arm"})
			// e_machine (elf(5)) says EM_AARCH64 now.
			s.sh(`cd /opt/echo && printf '\267\000' | dd of=echo bs=1 seek=18 conv=notrunc 2>/dev/null && DOCKER_BUILDKIT=0 docker build -q -t myapp:arm .`)
			refused("arm", nil, "--timeout", "20s")(s)
		}},
		{group: group, name: "exits at once", do: refused("gone", map[string]string{"ECHO_BOOT_EXIT": "3"}, "--timeout", "20s")},
		{group: group, name: "exits at once (stop-first)", ports: true, do: refused("gone", map[string]string{"ECHO_BOOT_EXIT": "3"}, "--timeout", "20s", "--strategy", "stop-first")},
		{group: group, name: "is never healthy", ports: true, do: refused("sick", map[string]string{"ECHO_STATUS": "500"}, "--timeout", "3s")},
		{group: group, name: "is never healthy (stop-first)", do: refused("sick", map[string]string{"ECHO_STATUS": "500"}, "--timeout", "3s", "--strategy", "stop-first")},
		{group: group, name: "exits after it was healthy", outage: "the app itself dies", do: func(s *scene) {
			s.build(host.Image{Tag: "myapp:dying", Env: map[string]string{"ECHO_LISTEN": "auto", "ECHO_EXIT_AFTER": "1500ms"}})
			code, out := run(s.ctx, s.T, s.h, "edgeman", "swap", "myapp", "dying")
			s.Logf("swap: exit %d: %s", code, out)
			s.must("sleep", "5")
			s.fails(outcome.ExitDone, "edgeman", "rollback", "myapp", "--drain", "5s")
			s.healthy()
			s.repaired("`edgeman rollback`")
		}},
		{group: pull, name: "the registry dies", do: func(s *scene) { s.pullBreaks("kill -9 $(pidof docker-registry)", outcome.ExitFailed) }},
		{group: pull, name: "the registry stalls", do: func(s *scene) {
			s.pullBreaks("kill -STOP $(pidof docker-registry); (sleep 15; kill -CONT $(pidof docker-registry)) </dev/null >/dev/null 2>&1 &", outcome.ExitDone)
			s.repaired("nothing to repair: the pull went on after 15 s")
		}},
		{group: pull, name: "the swap is killed", do: func(s *scene) { s.pullBreaks("pkill -KILL -f '^edgeman swap'", -1) }},
		{group: pull, name: "dockerd is killed", do: func(s *scene) {
			s.inside()
			s.pullBreaks("kill -9 $(pidof dockerd)", outcome.ExitFailed)
			s.dockerUp()
			s.healthy()
		}},
	}
}

func (s *scene) build(i host.Image) {
	s.Helper()
	if err := s.h.BuildImages(s.ctx, i); err != nil {
		s.Fatal(err)
	}
}

// registry starts Debian's docker-registry in the host, with an image of 90 MB
// in it that the host does not have any more.
func (s *scene) registry() {
	s.Helper()
	if s.sh("pidof docker-registry || true") != "" {
		s.must("pkill", "-x", "-9", "docker-registry")
	}
	if err := s.h.Copy(s.ctx, registryProgram(s), "/opt/docker-registry"); err != nil {
		s.Fatal(err)
	}
	const conf = "version: 0.1\nstorage: {filesystem: {rootdirectory: /var/lib/docker/test-registry}}\nhttp: {addr: '127.0.0.1:5000'}\n"
	if err := s.h.WriteFile(s.ctx, "/opt/registry.yml", []byte(conf), 0o644); err != nil {
		s.Fatal(err)
	}
	s.must("systemd-run", "--quiet", "--collect", "/opt/docker-registry", "serve", "/opt/registry.yml")
	s.within(20*time.Second, "the registry answers", func() bool {
		_, err := s.h.Run(s.ctx, "curl", "-sf", "http://127.0.0.1:5000/v2/")
		return err == nil
	})
	if s.sh("ls /var/lib/docker/test-registry 2>/dev/null || true") != "" {
		s.sh("docker rmi -f 127.0.0.1:5000/big:v1 2>/dev/null; true")
		return
	}
	s.sh(`mkdir -p /opt/big && cd /opt/big && cp /opt/echo/echo . && for i in 1 2 3; do head -c 30000000 /dev/urandom >big$i; done
		printf 'FROM scratch\nCOPY echo /echo\nEXPOSE 8080\nENV ECHO_VERSION=big ECHO_LISTEN=auto\nCOPY big1 /\nCOPY big2 /\nCOPY big3 /\nENTRYPOINT ["/echo"]\n' >Dockerfile
		DOCKER_BUILDKIT=0 docker build -q -t 127.0.0.1:5000/big:v1 . && docker push -q 127.0.0.1:5000/big:v1 && docker rmi 127.0.0.1:5000/big:v1`)
}

// registryProgram takes the program out of its package: installed, it would run
// on this machine as well.
func registryProgram(s *scene) string {
	s.Helper()
	dir := filepath.Join(host.CacheDir(), "docker-registry")
	program := filepath.Join(dir, "usr/bin/docker-registry")
	if exists(program) {
		return program
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		s.Fatal(err)
	}
	cmd := exec.CommandContext(s.ctx, "sh", "-ec", "apt-get download -q docker-registry && dpkg-deb -x docker-registry_*.deb .")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		s.Fatalf("docker-registry: %v\n%s", err, out)
	}
	return program
}

// pullBreaks does something to a pull once a part of the image has come. A code
// of -1 stands for a command that was killed.
func (s *scene) pullBreaks(script string, code int) {
	s.Helper()
	s.registry()
	have := s.sh("du -s /var/lib/docker/tmp | cut -f1")
	swap := s.background("edgeman", "swap", "myapp", "127.0.0.1:5000/big:v1", "--timeout", "30s")
	s.within(30*time.Second, "a part of the image has come", func() bool {
		return s.sh("du -s /var/lib/docker/tmp | cut -f1") != have
	})
	s.sh(script)
	s.repaired("the swap was undone")
	switch out := s.ended(swap); {
	case code == -1:
		s.Logf("repair: %s", s.sh("edgeman repair myapp"))
		s.repaired("nothing to repair: the pull comes first")
	case swap.cmd.ProcessState.ExitCode() != code:
		s.Errorf("exit code %d, want %d\n%s", swap.cmd.ProcessState.ExitCode(), code, out)
	}
	s.sh("pkill -x -9 docker-registry || true")
	if !strings.Contains(statusOf(s.ctx, s.T, s.h).Apps[0].Image, "myapp") {
		s.must("edgeman", "swap", "myapp", "myapp:v1")
	}
}
