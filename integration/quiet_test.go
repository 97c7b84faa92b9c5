//go:build integration

package integration

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"edgeman/integration/host"
	"edgeman/integration/load"
)

// What a fault may cost while it lasts: 2 % of a core in PID 1 and 10 lines a
// second in the journal.
const (
	quietCPU   = 0.02
	quietLines = 10
	userHz     = 100 // clock ticks in /proc/PID/stat (proc(5))
)

// A connection to an empty slot, which can happen in the moment between a slot's
// end and its socket's, must not make PID 1 spin.
func TestEmptySlotIsQuiet(t *testing.T) {
	Run(t, func(ctx context.Context, t *testing.T, h *host.Host) {
		adopted(ctx, t, h)
		must(ctx, t, h, "sh", "-c", `ln -s ../apps/myapp/releases/1.json /var/lib/edgeman/slots/myapp:green
			systemctl start edgeman@myapp:green.socket && rm /var/lib/edgeman/slots/myapp:green`)
		wantQuiet(ctx, t, h, 10*time.Second, func() {
			_, _ = h.Run(ctx, "curl", "-s", "--max-time", "5", "--unix-socket", "/run/edgeman/myapp:green/8080.sock", "http://x/")
		})
		if got := must(ctx, t, h, "curl", "-s", "http://127.0.0.1/"); !contains(got, "version") {
			t.Errorf("the live slot answers %q", got)
		}
	})
}

// A container that dies as soon as it is up, for a minute.
func TestDyingContainerIsQuiet(t *testing.T) {
	Run(t, func(ctx context.Context, t *testing.T, h *host.Host) {
		adopted(ctx, t, h)
		if err := h.BuildImages(ctx, host.Image{Tag: "myapp:dying", Env: map[string]string{"ECHO_EXIT_AFTER": "50ms"}}); err != nil {
			t.Fatal(err)
		}
		if code, out := run(ctx, t, h, "edgeman", "swap", "myapp", "dying", "--timeout", "20s"); code != 0 {
			t.Skipf("it died before it was found healthy, so it never became live:\n%s", out)
		}
		wantQuiet(ctx, t, h, time.Minute, func() {})
		s := statusOf(ctx, t, h)
		t.Logf("status meanwhile: %+v", s.Apps[0].Slots)
		if code, out := run(ctx, t, h, "edgeman", "rollback", "myapp"); code != 0 {
			t.Errorf("rollback from it: exit %d\n%s", code, out)
		}
	})
}

// wantQuiet measures PID 1 and the journal for a while after do.
func wantQuiet(ctx context.Context, t *testing.T, h *host.Host, span time.Duration, do func()) {
	t.Helper()
	ticks, lines, start := cpuTicks(ctx, t, h, "1"), journalLines(ctx, t, h), time.Now()
	do()
	select {
	case <-ctx.Done():
		t.Fatal(ctx.Err())
	case <-time.After(span - time.Since(start)):
	}
	took := time.Since(start).Seconds()
	cpu := float64(cpuTicks(ctx, t, h, "1")-ticks) / userHz / took
	rate := float64(journalLines(ctx, t, h)-lines) / took
	t.Logf("over %.0fs: PID 1 used %.2f %% of a core, the journal got %.1f lines a second", took, cpu*100, rate)
	if cpu > quietCPU || rate > quietLines {
		t.Errorf("PID 1 used %.1f %% of a core (most %.0f %%), the journal got %.0f lines a second (most %d)", cpu*100, quietCPU*100, rate, quietLines)
	}
	if failed := must(ctx, t, h, "systemctl", "list-units", "--failed", "--plain", "--no-legend", "edgeman@*.socket"); failed != "" {
		t.Errorf("failed sockets:\n%s", failed)
	}
}

// What an idle slot costs, and what 5,000 open connections add.
func TestFootprint(t *testing.T) {
	const connections = 5000
	Run(t, func(ctx context.Context, t *testing.T, h *host.Host) {
		must(ctx, t, h, "sh", "-c", `sed -i 's/worker_connections .*/worker_connections 30000;/; 1i worker_rlimit_nofile 20000;' /etc/nginx/nginx.conf`)
		adopted(ctx, t, h)
		pid := mainPID(ctx, t, h, "edgeman@myapp:blue.service")
		must(ctx, t, h, "curl", "-s", "http://127.0.0.1/")
		idle := 0
		eventually(ctx, t, 2*time.Minute, "edgeman serve has at most 12 MB resident", func() bool {
			idle = rss(ctx, t, h, pid)
			return idle <= 12<<20
		})
		used := 0
		for range 3 { // one collection of garbage is no use without end
			ticks := cpuTicks(ctx, t, h, pid)
			must(ctx, t, h, "sleep", "10")
			if used = cpuTicks(ctx, t, h, pid) - ticks; used <= 2 {
				break
			}
		}
		t.Logf("idle: %.1f MB resident, %d ms of CPU in 10 s", float64(idle)/1e6, used*1000/userHz)
		if used > 2 {
			t.Errorf("idle edgeman serve used %d ticks of CPU in 10 s", used)
		}
		l, err := h.StartLoad(ctx, load.Options{URL: "http://127.0.0.1/", Websockets: connections, WebsocketEvery: 20 * time.Second, Timeout: 4 * time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		eventually(ctx, t, 4*time.Minute, fmt.Sprintf("%d connections are open", connections), func() bool {
			return statusOf(ctx, t, h).Apps[0].Slots[0].Connections >= connections
		})
		full := rss(ctx, t, h, pid)
		r, err := l.Stop()
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%d open connections: %.1f MB resident, %.1f KB each; %d sessions broken", connections, float64(full)/1e6, float64(full-idle)/1e3/connections, r.SessionsBroken)
		if r.SessionsBroken > 0 {
			t.Errorf("%d of %d sessions broke: %q", r.SessionsBroken, r.Sessions, r.Errors)
		}
		eventually(ctx, t, 90*time.Second, "no descriptor is left of them but pooled pipes", func() bool {
			return number(t, must(ctx, t, h, "sh", "-c", "ls /proc/"+pid+"/fd | wc -l")) < 200
		})
	})
}

func cpuTicks(ctx context.Context, t *testing.T, h *host.Host, pid string) int {
	t.Helper()
	stat := must(ctx, t, h, "cat", "/proc/"+pid+"/stat")
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:]) // from the third field on
	return number(t, fields[11]) + number(t, fields[12])                // utime, stime
}

func journalLines(ctx context.Context, t *testing.T, h *host.Host) int {
	t.Helper()
	return number(t, must(ctx, t, h, "sh", "-c", "journalctl --quiet | wc -l"))
}

// rss is the resident memory of a process in bytes.
func rss(ctx context.Context, t *testing.T, h *host.Host, pid string) int {
	t.Helper()
	return 1024 * number(t, must(ctx, t, h, "sh", "-c", "awk '/^VmRSS/ {print $2}' /proc/"+pid+"/status"))
}

func number(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
