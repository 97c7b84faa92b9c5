//go:build integration

package integration

import (
	"context"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"edgeman/integration/host"
	"edgeman/integration/load"
	"edgeman/integration/servers"
)

// A server of the kind that natives are made for: net/http, with its listener
// from systemd's protocol, on an empty image. It is adopted straight into
// native mode, replaced ten times, rolled back, moved to proxy mode and back,
// and given back; then once more with upstream keepalive.
func TestNativeGo(t *testing.T) {
	Run(t, func(ctx context.Context, t *testing.T, h *host.Host) {
		Install(ctx, t, h)
		goImages(ctx, t, h)
		must(ctx, t, h, "docker", "run", "--detach", "--name", "myapp", "--restart", "always", "--publish", "127.0.0.1:8080:8080", "goapp:v1")
		for _, journey := range []struct {
			name, conf string
			swaps      int
		}{{"plain", plainSite, nativeSwaps}, {"keepalive", keepaliveSite, 1}} {
			t.Run(journey.name, func(t *testing.T) {
				site(ctx, t, h, "myapp", journey.conf)
				answers(ctx, t, h, "http://127.0.0.1/")
				nativeJourney(ctx, t, h, journey.swaps)
			})
		}
	})
}

func nativeJourney(ctx context.Context, t *testing.T, h *host.Host, swaps int) {
	clients := startLoads(ctx, t, h, 50)
	must(ctx, t, h, "edgeman", "adopt", "/etc/nginx/sites-available/myapp", "--mode", "native", "--health", "/health", "--yes")
	wantOnlyListener(ctx, t, h)
	for i := range swaps {
		must(ctx, t, h, "edgeman", "swap", "myapp", []string{"v2", "v1"}[i%2])
	}
	must(ctx, t, h, "edgeman", "rollback", "myapp")
	for _, mode := range []string{"proxy", "native"} {
		must(ctx, t, h, "edgeman", "swap", "myapp", "v1", "--mode", mode)
		if got := must(ctx, t, h, "edgeman", "status", "--json"); !contains(got, `"mode": "`+mode+`"`) && !contains(got, `"mode":"`+mode+`"`) {
			t.Errorf("status does not show mode %s:\n%s", mode, got)
		}
	}
	wantOnlyListener(ctx, t, h)
	must(ctx, t, h, "edgeman", "unadopt", "myapp", "--yes", "--to", "original")
	total := clients.stop(ctx, t, 0)
	t.Logf("adopt, %d swaps, rollback, to proxy mode and back, release: %d requests, %d failed, longest %v",
		swaps, total.Requests, total.Failed, total.Longest.Round(time.Millisecond))
	if total.Failed > 0 {
		t.Errorf("%d of %d requests failed: %q", total.Failed, total.Requests, total.Errors)
	}
	wantNothingLeft(ctx, t, h)
}

// goImages builds goapp:v1 and goapp:v2, with nothing in them but the server.
func goImages(ctx context.Context, t *testing.T, h *host.Host) {
	t.Helper()
	if err := servers.CopyGo(ctx, h); err != nil {
		t.Fatal(err)
	}
	for _, v := range []string{"v1", "v2"} {
		goImage(ctx, t, h, "goapp:"+v, "FROM scratch\nCOPY gohttp /app\nEXPOSE 8080\nENV APP_VERSION="+v+"\nENTRYPOINT [\"/app\"]\n")
	}
}

func goImage(ctx context.Context, t *testing.T, h *host.Host, tag, dockerfile string) {
	t.Helper()
	if err := servers.BuildImage(ctx, h, tag, dockerfile); err != nil {
		t.Fatal(err)
	}
}

// self is what the Go server says of itself.
type self struct {
	Args     []string
	UID, PID int
	FDs      map[string]string
	Names    string
}

func askSelf(ctx context.Context, t *testing.T, h *host.Host, url string) self {
	t.Helper()
	var s self
	if err := json.Unmarshal([]byte(must(ctx, t, h, "curl", "-sf", "--max-time", "10", url+"self")), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// wantOnlyListener checks that the app began with its three standard streams
// and the listener, and with nothing else of ours.
func wantOnlyListener(ctx context.Context, t *testing.T, h *host.Host) {
	t.Helper()
	s := askSelf(ctx, t, h, "http://127.0.0.1/")
	if len(s.FDs) != 4 || !strings.HasPrefix(s.FDs["3"], "socket:") || s.Names != "8080" || s.PID != 1 {
		t.Errorf("the app began with descriptors %v, LISTEN_FDNAMES=%s, as process %d", s.FDs, s.Names, s.PID)
	}
}

// nativeEcho brings a host to where faults start: the echo app in native mode.
// It loses what is inside it when it is told to stop.
func nativeEcho(ctx context.Context, t *testing.T, h *host.Host) {
	t.Helper()
	adopted(ctx, t, h)
	appFile(ctx, t, h, "myapp", "mode = 'native'\nports = [8080]\nimage = 'myapp'\nhealth = '/health'\nenv = ['ECHO_LISTEN=fd', 'ECHO_TERM=exit']\n")
	must(ctx, t, h, "edgeman", "swap", "myapp", "v1")
}

// An app that drops everything at SIGTERM loses nothing, because it gets the
// signal when nothing is inside it any more.
func TestNativeAppThatDiesAtOnce(t *testing.T) {
	Run(t, func(ctx context.Context, t *testing.T, h *host.Host) {
		nativeEcho(ctx, t, h)
		l, err := h.StartLoad(ctx, load.Options{URL: "http://127.0.0.1/", Rate: 100, PostBytes: 3000, Query: "delay=200ms"})
		if err != nil {
			t.Fatal(err)
		}
		for i := range nativeSwaps {
			must(ctx, t, h, "edgeman", "swap", "myapp", []string{"v2", "v1"}[i%2])
		}
		r, err := l.Stop()
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%d swaps: %d requests of 200ms, %d failed, longest %v", nativeSwaps, r.Requests, r.Failed, r.Longest.Round(time.Millisecond))
		if r.Failed > 0 || len(r.Resent) > 0 || r.Versions["v1"] == 0 || r.Versions["v2"] == 0 {
			t.Errorf("%v", r)
		}
		nativeKilled(ctx, t, h)
		nativeServeKilled(ctx, t, h)
	})
}

// nativeKilled: what waits in the queue outlives the container, because systemd
// and edgeman serve hold the listener, too. Only what the container had taken
// in is lost: about ten requests, at 100 a second that take 100ms each.
func nativeKilled(ctx context.Context, t *testing.T, h *host.Host) {
	l, err := h.StartLoad(ctx, load.Options{URL: "http://127.0.0.1/", Rate: 100, PostBytes: 3000, Query: "delay=100ms"})
	if err != nil {
		t.Fatal(err)
	}
	most := 0
	for kills := 1; kills <= 3; kills++ {
		slot := statusOf(ctx, t, h).Apps[0].Slots[slotOf(ctx, t, h)]
		most += killCounting(ctx, t, h, slot.Name, containerPID(ctx, t, h, slot.Container))
		eventually(ctx, t, time.Minute, "the container is back", func() bool {
			return contains(siteSays(ctx, t, h), "version")
		})
		if out := must(ctx, t, h, "edgeman", "status", "--json"); !contains(out, `"exits": `+strconv.Itoa(kills)) {
			t.Errorf("status does not count %d ends:\n%s", kills, out)
		}
	}
	r, err := l.Stop()
	if err != nil {
		t.Fatal(err)
	}
	wantAtMost(t, "native container killed three times", r, most)
	if counted := most - 3*inside; r.Failed == 0 && counted > 15 { // of which three are the listener
		t.Errorf("the container was killed with %d requests inside, and none was lost: the test sees nothing", counted)
	}
}

// nativeServeKilled: nothing passes through edgeman serve.
func nativeServeKilled(ctx context.Context, t *testing.T, h *host.Host) {
	clients := startLoads(ctx, t, h, 50)
	unit := "edgeman@myapp:" + statusOf(ctx, t, h).Apps[0].Live + ".service"
	for range 3 {
		pid := mainPID(ctx, t, h, unit)
		must(ctx, t, h, "kill", "-9", pid)
		eventually(ctx, t, time.Minute, "edgeman serve is back", func() bool {
			now := mainPID(ctx, t, h, unit)
			return now != pid && now != "0"
		})
	}
	total := clients.stop(ctx, t, 0)
	t.Logf("edgeman serve killed three times: %d requests, %d failed", total.Requests, total.Failed)
	if total.Failed > 0 {
		t.Errorf("%d of %d requests failed: %q", total.Failed, total.Requests, total.Errors)
	}
}

// slotOf is the index of the live slot in the status.
func slotOf(ctx context.Context, t *testing.T, h *host.Host) int {
	t.Helper()
	app := statusOf(ctx, t, h).Apps[0]
	for i, s := range app.Slots {
		if s.Name == app.Live {
			return i
		}
	}
	t.Fatalf("no live slot: %+v", app)
	return 0
}

// Swaps leave no descriptor open: not in systemd, which holds every listener,
// not in Docker, and not in edgeman serve, which lives on when a container is
// replaced in place. EDGEMAN_SWAPS says how many swaps to try.
func TestNativeLeavesNothingOpen(t *testing.T) {
	t.Parallel()
	ctx := longContext(t)
	h := Up(ctx, t, releases()[0])
	nativeEcho(ctx, t, h)
	swaps := 20
	if n, err := strconv.Atoi(os.Getenv("EDGEMAN_SWAPS")); err == nil {
		swaps = n
	}
	swap := func(args ...string) {
		must(ctx, t, h, append([]string{"edgeman", "swap", "myapp", "v2", "--wait", "90s"}, args...)...)
	}
	swap()
	swap()
	before := descriptors(ctx, t, h, "systemd", "dockerd")
	for range swaps {
		swap()
	}
	wantAsMany(t, swaps, before, descriptors(ctx, t, h, "systemd", "dockerd"))
	swap("--strategy", "stop-first")
	before = descriptors(ctx, t, h, "serve")
	for range max(swaps/4, 5) {
		swap("--strategy", "stop-first")
	}
	wantAsMany(t, max(swaps/4, 5), before, descriptors(ctx, t, h, "serve"))
	if left := strings.Fields(must(ctx, t, h, "ls", "/run/edgeman/handoff")); len(left) > 2 {
		t.Errorf("hand-off directories left behind: %v", left)
	}
}

// descriptors counts what the processes have open, once they have come to rest.
func descriptors(ctx context.Context, t *testing.T, h *host.Host, who ...string) map[string]int {
	t.Helper()
	pids := map[string]string{"systemd": "1", "dockerd": "$(pidof dockerd)", "serve": "$(systemctl show --property MainPID --value 'edgeman@myapp:*.service' | grep -vx 0)"}
	out := map[string]int{}
	for _, name := range who {
		least := 1 << 30
		for range 20 {
			n, err := strconv.Atoi(must(ctx, t, h, "sh", "-c", "find /proc/"+pids[name]+"/fd -mindepth 1 | wc -l"))
			if err != nil {
				t.Fatal(err)
			}
			least = min(least, n)
			time.Sleep(50 * time.Millisecond)
		}
		out[name] = least
	}
	return out
}

// wantAsMany allows for what a process opens once and keeps; a leak is at least
// one a swap.
func wantAsMany(t *testing.T, swaps int, before, after map[string]int) {
	t.Helper()
	t.Logf("%d swaps: open descriptors before %v, after %v", swaps, before, after)
	for name, n := range after {
		if n >= before[name]+min(swaps, 5) {
			t.Errorf("%s: %d descriptors before, %d after %d swaps", name, before[name], n, swaps)
		}
	}
}
