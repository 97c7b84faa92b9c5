//go:build integration && faults

package integration

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"edgeman/integration/host"
	"edgeman/integration/load"
)

// The fault matrix: everything that can go wrong, done for real to an adopted
// app under load, with what it cost and what was left. make faults runs it and
// writes docs/faults.md; FAULTS=REGEXP selects rows, for example
// FAULTS='proxy/swap'.

// fault is a row of the matrix.
type fault struct {
	group, name string
	only        string // the one mode that it applies to; empty: proxy and native
	// outage says why requests may fail while it lasts: nothing can answer them.
	outage string
	// finding is the code of what check has to say afterwards; empty: nothing.
	finding string
	do      func(s *scene)
}

const faultRate = 60

// faults are the rows in the order of the table; rows that need a fresh host
// come last.
func faults() []fault {
	return slices.Concat(commandFaults(), processFaults(), nginxFaults(), imageFaults(), meddlingFaults(), unreachableFaults(), diskFaults(), swapFaults(), powerFaults())
}

// modes of an app; a row applies to both unless it says otherwise.
var modes = []string{"proxy", "native"}

func TestFaults(t *testing.T) {
	results := &matrix{begun: time.Now()}
	t.Cleanup(func() { results.write(t) })
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			stage := &stage{t: t, mode: mode, release: releases()[0], results: results}
			for _, f := range faults() {
				if f.only != "" && f.only != mode {
					continue
				}
				t.Run(f.group+"/"+f.name, func(t *testing.T) {
					stage.row(t, f)
				})
			}
		})
	}
}

// stage is a host that serves one row after the other. A row that leaves it
// other than it was fails, and the next row gets a fresh one.
type stage struct {
	t       *testing.T
	mode    string
	release string
	results *matrix
	h       *host.Host
}

func (st *stage) row(t *testing.T, f fault) {
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Minute)
	defer cancel()
	s := &scene{ctx: ctx, T: t, mode: st.mode, outcome: outcome{fault: f, mode: st.mode, begun: time.Now(), repaired: "nothing to repair"}}
	defer func() {
		s.outcome.failed = t.Failed()
		s.outcome.took = time.Since(s.outcome.begun)
		st.results.add(s.outcome)
		if t.Failed() && st.h != nil && os.Getenv(faultsHost) == "" {
			collect(t, st.h)
			hosts.down(t, st.h)
			st.h = nil
		}
	}()
	if st.h == nil {
		st.setUp(ctx, t)
	}
	s.h = st.h
	s.fresh()
	s.clients = startLoads(ctx, t, st.h, faultRate)
	f.do(s)
	s.judge()
	s.whole()
}

// faultsHost names a host made with testhost up, to try rows on by hand: it is
// prepared once and left as it is.
const faultsHost = "FAULTS_HOST"

func (st *stage) setUp(ctx context.Context, t *testing.T) {
	t.Helper()
	if name := os.Getenv(faultsHost); name != "" {
		h, err := host.Attach(name)
		if err != nil {
			t.Fatal(err)
		}
		st.h = h
	} else {
		st.h = Up(ctx, st.t, st.release)
	}
	if _, err := st.h.Run(ctx, "edgeman", "status", "myapp"); err != nil {
		prepareFaults(ctx, t, st.h, st.mode)
	}
	st.results.know(ctx, st.h)
}

// prepareFaults adopts an app in the mode. Its images can be told to listen by
// themselves, as before adopt and in proxy mode, or to take the socket.
func prepareFaults(ctx context.Context, t *testing.T, h *host.Host, mode string) {
	t.Helper()
	Install(ctx, t, h)
	tool, err := host.Tool(ctx, "./integration/cmd/failpoint")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Copy(ctx, tool, "/opt/failpoint"); err != nil {
		t.Fatal(err)
	}
	(&scene{ctx: ctx, T: t, h: h}).buildAll()
	// A wait of some seconds must not fail for want of worker_connections.
	must(ctx, t, h, "sed", "-i", "s/worker_connections .*/worker_connections 4096;/", "/etc/nginx/nginx.conf")
	must(ctx, t, h, "docker", "run", "--detach", "--name", "myapp", "--restart", "always", "--publish", "127.0.0.1:8080:8080", "myapp:v1")
	site(ctx, t, h, "myapp", plainSite)
	answers(ctx, t, h, "http://127.0.0.1/")
	must(ctx, t, h, "edgeman", "adopt", site80, "--yes", "--mode", mode, "--health", "/health")
}

// fresh begins a row with a container that starts at once and has no past.
func (s *scene) fresh() {
	s.Helper()
	out := s.must("edgeman", "status", "--json")
	if contains(out, `"image": "myapp:slow"`) || contains(out, `"exits"`) {
		s.swap()
	}
}

const site80 = "/etc/nginx/sites-available/myapp"

// buildAll makes the images that every row can count on.
func (s *scene) buildAll() {
	s.Helper()
	for tag, unhealthy := range map[string]string{"v1": "0s", "v2": "0s", "slow": "3s"} {
		s.build(host.Image{Tag: "myapp:" + tag, Env: map[string]string{"ECHO_LISTEN": "auto", "ECHO_UNHEALTHY": unhealthy}})
	}
}

// scene is one row while it is played.
type scene struct {
	*testing.T
	ctx     context.Context
	h       *host.Host
	mode    string
	clients clients
	stopped bool
	outcome outcome
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
	apps := status(s.ctx, s.T, s.h).Apps
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
	s.outcome.most += about(s.ctx, s.T, s.h, slotOf(s.ctx, s.T, s.h))
}

// healthy waits until the live slot serves.
func (s *scene) healthy() {
	s.Helper()
	s.within(90*time.Second, "the live slot serves", func() bool {
		for _, app := range status(s.ctx, s.T, s.h).Apps {
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
	if strings.HasSuffix(status(s.ctx, s.T, s.h).Apps[0].Image, ":v1") {
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
	apps := status(s.ctx, s.T, s.h).Apps
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
