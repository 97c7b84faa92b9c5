//go:build integration

package integration

import (
	"bufio"
	"context"
	"strings"
	"testing"
	"time"

	"edgeman/integration/host"
	"edgeman/integration/load"
)

// adopted brings a host to where every fault starts: an adopted app under load.
func adopted(ctx context.Context, t *testing.T, h *host.Host) {
	t.Helper()
	Install(ctx, t, h)
	plainApp(ctx, t, h)
	must(ctx, t, h, "edgeman", "adopt", "/etc/nginx/sites-available/myapp", "--yes")
}

// killRate is what each of the two clients sends in a second.
const killRate = 100

// inside is how many requests can enter a process between a look at it and its
// kill: a request takes a few milliseconds, so at the rate of these tests it is
// a handful.
const inside = 15

// killCounting sends SIGKILL to a process of the host and returns how many
// requests may be lost by that: the connections that the kernel counts at the
// slot's socket just before, and those that come until the kill. What queued up
// during an earlier kill is let through first, for a moment at least: all of it
// would be inside at once.
func killCounting(ctx context.Context, t *testing.T, h *host.Host, slot, pid string) int {
	t.Helper()
	letThrough(ctx, t, h)
	const script = `n=$(grep -c "/run/edgeman/myapp:$1.sock\$" /proc/net/unix); kill -9 "$2" && echo $n`
	return number(t, must(ctx, t, h, "sh", "-c", script, "kill", slot, pid)) + inside
}

// containerPID is the container's first process as the host sees it.
func containerPID(ctx context.Context, t *testing.T, h *host.Host, container string) string {
	t.Helper()
	return must(ctx, t, h, "docker", "inspect", "--format", "{{.State.Pid}}", container)
}

// siteSays is the site's answer, or nothing when there is none.
func siteSays(ctx context.Context, t *testing.T, h *host.Host) string {
	t.Helper()
	return must(ctx, t, h, "sh", "-c", "curl -s --max-time 20 http://127.0.0.1/ || true")
}

// letThrough waits until requests take no longer than they do, but not for ever
// on a machine on which they do.
func letThrough(ctx context.Context, t *testing.T, h *host.Host) {
	t.Helper()
	for limit := time.Now().Add(5 * time.Second); time.Now().Before(limit); {
		took, err := time.ParseDuration(must(ctx, t, h, "sh", "-c", "curl -s --max-time 20 -o /dev/null -w '%{time_total}' http://127.0.0.1/ || true") + "s")
		if err == nil && took < 50*time.Millisecond {
			break
		}
	}
}

// A container that is killed comes back by itself; only what was inside it is
// lost, and everything else waits.
func TestContainerKilled(t *testing.T) {
	Run(t, func(ctx context.Context, t *testing.T, h *host.Host) {
		adopted(ctx, t, h)
		clients := startLoads(ctx, t, h, killRate)
		most := 0
		for range 3 {
			container := statusOf(ctx, t, h).Apps[0].Slots[0].Container
			pid := containerPID(ctx, t, h, container)
			most += killCounting(ctx, t, h, "blue", pid)
			eventually(ctx, t, time.Minute, "the container is back", func() bool {
				now := containerPID(ctx, t, h, container)
				return now != pid && now != "0" && contains(siteSays(ctx, t, h), "version")
			})
		}
		wantAtMost(t, "container killed three times", clients.stop(ctx, t, 2000), most)
	})
}

// edgeman serve that is killed is restarted by systemd and attaches to the
// container that went on running.
func TestServeKilled(t *testing.T) {
	Run(t, func(ctx context.Context, t *testing.T, h *host.Host) {
		adopted(ctx, t, h)
		container := must(ctx, t, h, "docker", "ps", "--quiet", "--no-trunc", "--filter", "label=edgeman.app")
		clients := startLoads(ctx, t, h, killRate)
		most := 0
		for range 3 {
			pid := mainPID(ctx, t, h, "edgeman@myapp:blue.service")
			most += killCounting(ctx, t, h, "blue", pid)
			eventually(ctx, t, time.Minute, "edgeman serve is back", func() bool {
				now := mainPID(ctx, t, h, "edgeman@myapp:blue.service")
				return now != pid && now != "0" && contains(siteSays(ctx, t, h), "version")
			})
		}
		wantAtMost(t, "edgeman serve killed three times", clients.stop(ctx, t, 2000), most)
		if got := must(ctx, t, h, "docker", "ps", "--quiet", "--no-trunc", "--filter", "label=edgeman.app"); got != container {
			t.Errorf("container %s runs now, %s before: it was not attached to", got, container)
		}
		if failed := must(ctx, t, h, "systemctl", "list-units", "--failed", "--plain", "--no-legend", "edgeman@*"); failed != "" {
			t.Errorf("failed units:\n%s", failed)
		}
	})
}

// A swap that is killed after any step it prints loses no request, and the next
// command completes or undoes it.
func TestSwapKilledAtEveryStep(t *testing.T) {
	Run(t, func(ctx context.Context, t *testing.T, h *host.Host) {
		adopted(ctx, t, h)
		clients := startLoads(ctx, t, h, 100)
		for i, step := range []string{"pull", "start", "switch", "drain"} {
			tag := []string{"v2", "v1"}[i%2]
			killAt(ctx, t, h, step, "edgeman", "swap", "myapp", tag)
			out := must(ctx, t, h, "sh", "-c", "edgeman swap myapp "+tag+" --wait 90s 2>&1")
			t.Logf("killed after %q; the next swap says:\n%s", step, out)
			wantOneContainer(ctx, t, h, step)
		}
		total := clients.stop(ctx, t, 4000)
		t.Logf("swap killed at 4 steps: %d requests, %d failed, longest %v", total.Requests, total.Failed, total.Longest)
		if total.Failed > 0 || len(total.Resent) > 0 {
			t.Errorf("%d of %d requests failed, %d were resent: %q", total.Failed, total.Requests, len(total.Resent), total.Errors)
		}
	})
}

// killAt kills the command as soon as it prints the step.
func killAt(ctx context.Context, t *testing.T, h *host.Host, step string, args ...string) {
	t.Helper()
	cmd := h.Exec(ctx, args...)
	progress, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	seen := false
	for lines := bufio.NewScanner(progress); !seen && lines.Scan(); {
		seen = strings.HasPrefix(lines.Text(), "  "+step)
	}
	if !seen {
		t.Fatalf("%v never printed %q", args, step)
	}
	// By its command line: edgeman serve is the same program.
	_, _ = h.Run(ctx, "pkill", "-KILL", "-f", "^"+strings.Join(args[:2], " ")) // it may just have ended
	_ = cmd.Wait()
}

// wantOneContainer checks that one release runs and nothing else is left.
func wantOneContainer(ctx context.Context, t *testing.T, h *host.Host, when string) {
	t.Helper()
	for what, script := range map[string]string{
		"running containers": "docker ps --quiet | wc -l",
		"stopped containers": "docker ps --all --quiet --filter label=edgeman.app --filter status=exited | wc -l",
		"filled slots":       "ls /var/lib/edgeman/slots | wc -l",
		"active sockets":     "systemctl list-units --plain --no-legend --state=active 'edgeman@*.socket' | wc -l",
	} {
		want := "1"
		if what == "stopped containers" {
			want = "0"
		}
		if got := comesTo(ctx, t, h, script, want); got != want {
			t.Errorf("after a kill at %q: %s %s, want %s", when, got, what, want)
		}
	}
}

func wantAtMost(t *testing.T, what string, total load.Result, most int) {
	t.Helper()
	t.Logf("%s: %d requests, %d failed (at most %d can have been inside), longest %v; %q", what, total.Requests, total.Failed, most, total.Longest.Round(time.Millisecond), total.Errors)
	if total.Failed > most {
		t.Errorf("%s: %d of %d requests failed, more than were inside", what, total.Failed, total.Requests)
	}
}

func mainPID(ctx context.Context, t *testing.T, h *host.Host, unit string) string {
	t.Helper()
	return must(ctx, t, h, "systemctl", "show", "--property", "MainPID", "--value", unit)
}

func contains(s, part string) bool { return strings.Contains(s, part) }
