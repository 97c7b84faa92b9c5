//go:build integration && faults

package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"edgeman/integration/host"
	"edgeman/integration/load"
)

// scene is one row while it is played.
type scene struct {
	*testing.T
	ctx context.Context
	h   *host.Host
	faultApp
	clients clients
	stopped bool
	outcome rowOutcome
}

// left says which state the fault left; repaired, what put it right.
func (s *scene) left(format string, args ...any) { s.outcome.left = fmt.Sprintf(format, args...) }

func (s *scene) repaired(format string, args ...any) {
	s.outcome.repaired = fmt.Sprintf(format, args...)
}

// must runs a command in the host that has to succeed.
func (s *scene) must(args ...string) string {
	s.Helper()
	return must(s.ctx, s.T, s.h, args...)
}

// sh runs a script in the host that has to succeed; both streams come back.
func (s *scene) sh(script string) string {
	s.Helper()
	return s.must("sh", "-c", "exec 2>&1; "+script)
}

// fails runs a command that has to end with the code, and returns what it said.
func (s *scene) fails(code int, args ...string) string {
	s.Helper()
	begun := time.Now()
	got, out := run(s.ctx, s.T, s.h, args...)
	s.Logf("%s (exit %d, %.1fs): %s", strings.Join(args, " "), got, time.Since(begun).Seconds(), strings.TrimSpace(out))
	if got != code {
		s.Errorf("%s: exit code %d, want %d", strings.Join(args, " "), got, code)
	}
	return out
}

// within polls until f reports true.
func (s *scene) within(limit time.Duration, what string, f func() bool) {
	s.Helper()
	eventually(s.ctx, s.T, limit, what, f)
}

// live is the app as status shows it.
func (s *scene) live() (slot, container string, release int) {
	s.Helper()
	apps := statusOf(s.ctx, s.T, s.h).Apps
	if len(apps) != 1 {
		s.Fatalf("status knows %d apps", len(apps))
	}
	for _, sl := range apps[0].Slots {
		if sl.Name == apps[0].Live {
			return sl.Name, sl.Container, sl.Release
		}
	}
	s.Fatalf("no live slot: %+v", apps[0])
	return "", "", 0
}

// unit is the service of a slot.
func unit(slot string) string { return "edgeman@myapp:" + slot + ".service" }

// kill sends SIGKILL to the main process of a unit and waits for its next one.
func (s *scene) kill(name string) {
	s.Helper()
	pid := mainPID(s.ctx, s.T, s.h, name)
	s.must("kill", "-9", pid)
	s.within(40*time.Second, name+" is back", func() bool {
		now := mainPID(s.ctx, s.T, s.h, name)
		return now != pid && now != "0"
	})
}

// inside allows for the loss of what is in the live slot now: the process is
// about to be killed.
func (s *scene) inside() {
	s.Helper()
	letThrough(s.ctx, s.T, s.h)
	slot := slotOf(s.ctx, s.T, s.h)
	s.outcome.most += statusOf(s.ctx, s.T, s.h).Apps[0].Slots[slot].Connections + inside
}

// healthy waits until the live slot serves.
func (s *scene) healthy() {
	s.Helper()
	s.within(90*time.Second, "the live slot serves", func() bool {
		for _, app := range statusOf(s.ctx, s.T, s.h).Apps {
			for _, sl := range app.Slots {
				if sl.Name == app.Live && sl.State == "live" {
					return true
				}
			}
		}
		return false
	})
}

// swap replaces the container by the other image.
func (s *scene) swap(args ...string) string {
	s.Helper()
	return s.sh("edgeman swap myapp " + s.other() + " --wait 60s " + strings.Join(args, " "))
}

// other is the tag that is not live.
func (s *scene) other() string {
	s.Helper()
	if strings.HasSuffix(statusOf(s.ctx, s.T, s.h).Apps[0].Image, ":v1") {
		return "v2"
	}
	return "v1"
}

// stop ends the load and returns its counts; once.
func (s *scene) stop() load.Result {
	s.stopped = true
	return s.clients.stop(s.ctx, s.T, 0)
}

// judge ends the load and holds its counts against what the row allows.
func (s *scene) judge() {
	s.Helper()
	if s.stopped {
		return
	}
	total, most := s.stop(), s.outcome.most
	s.outcome.result = total
	s.Logf("%d requests, %d failed, longest %v; %q", total.Requests, total.Failed, total.Longest.Round(time.Millisecond), total.Errors)
	if s.outcome.outage == "" && total.Failed > most {
		s.Errorf("%d of %d requests failed, at most %d can have been inside what was killed: %q", total.Failed, total.Requests, most, total.Errors)
	}
}

// whole checks that the app is in one piece and that check has nothing to say.
func (s *scene) whole() {
	s.Helper()
	wantOneContainer(s.ctx, s.T, s.h, s.outcome.name)
	apps := statusOf(s.ctx, s.T, s.h).Apps
	for _, sl := range apps[0].Slots {
		want := map[bool]string{true: "live", false: "empty"}[sl.Name == apps[0].Live]
		if sl.State != want {
			s.Errorf("status: %s is %s, want %s", sl.Name, sl.State, want)
		}
	}
	if out := s.must("edgeman", "status"); contains(out, "problem") || contains(out, "interrupted") {
		s.Errorf("status has something to say:\n%s", out)
	}
	code, out := run(s.ctx, s.T, s.h, "edgeman", "check", "--quiet")
	if s.outcome.finding != "" && (!contains(out, s.outcome.finding) || !contains(out, "1 warning")) {
		s.Errorf("check (exit %d) should name %s only:\n%s", code, s.outcome.finding, out)
	}
	if s.outcome.finding == "" && code != 0 {
		s.Errorf("check (exit %d) has something to say:\n%s", code, out)
	}
	if files := s.must("find", "/var/lib/edgeman", "-name", ".?*"); files != "" {
		s.Errorf("temporary files left:\n%s", files)
	}
	if s.outcome.left == "" {
		slot, container, _ := s.live()
		s.left("%s live on %s, nothing else", container, slot)
	}
}

// buildAll makes the images that every row can count on.
func (s *scene) buildAll() {
	s.Helper()
	for tag, unhealthy := range map[string]string{"v1": "0s", "v2": "0s", "slow": "3s"} {
		s.build(host.Image{Tag: "myapp:" + tag, Env: map[string]string{"ECHO_LISTEN": "auto", "ALSO": s.also(), "ECHO_UNHEALTHY": unhealthy}})
	}
}

// also are the ports at which the app listens beside 8080.
func (s *scene) also() string {
	if s.ports() {
		return "8072 9001"
	}
	return ""
}

// original runs the container that is adopted.
func (s *scene) original(options string) {
	s.Helper()
	for _, port := range append(strings.Fields(s.also()), "8080") {
		options += " -p 127.0.0.1:" + port + ":" + port
	}
	s.sh("docker rm -f myapp; docker run --detach --name myapp --restart always " + options + " myapp:v1")
}

// load starts the clients, at every port.
func (s *scene) load() {
	s.Helper()
	s.stopped = false
	if s.ports() {
		s.clients = startLoads(s.ctx, s.T, s.h, faultRate/2, "http://127.0.0.1/", "http://127.0.0.1/longpolling/", "http://127.0.0.1:81/")
		return
	}
	s.clients = startLoads(s.ctx, s.T, s.h, faultRate)
}

// fresh begins a row with a container that starts at once and has no past.
func (s *scene) fresh() {
	s.Helper()
	out := s.must("edgeman", "status", "--json")
	if contains(out, `"image": "myapp:slow"`) || contains(out, `"exits"`) {
		s.swap()
	}
}
