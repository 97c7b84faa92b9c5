//go:build integration

package integration

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"edgeman/integration/host"
)

// Whoever holds a listener can shrink its queue, shut it down and write where
// it was handed over. None of that lasts, and systemd hears nothing of it.
func TestNativeBadTenant(t *testing.T) {
	Run(t, func(ctx context.Context, t *testing.T, h *host.Host) {
		Install(ctx, t, h)
		goImages(ctx, t, h)
		must(ctx, t, h, "docker", "run", "--detach", "--name", "myapp", "--publish", "127.0.0.1:8080:8080", "goapp:v1")
		site(ctx, t, h, "myapp", plainSite)
		answers(ctx, t, h, "http://127.0.0.1/")
		must(ctx, t, h, "edgeman", "adopt", "/etc/nginx/sites-available/myapp", "--mode", "native", "--yes")
		lines := systemdLines(ctx, t, h)

		if got := must(ctx, t, h, "curl", "-s", "http://127.0.0.1/do/fill"); !contains(got, "read-only file system") {
			t.Errorf("the app writes into its hand-off directory: %s", got)
		}
		shrink(ctx, t, h)
		shutdown(ctx, t, h)

		if got := systemdLines(ctx, t, h) - lines; got > 60 {
			t.Errorf("systemd wrote %d lines to the journal", got)
		}
		if failed := must(ctx, t, h, "systemctl", "list-units", "--failed", "--plain", "--no-legend", "edgeman@*"); failed != "" {
			t.Errorf("failed units:\n%s", failed)
		}
		must(ctx, t, h, "edgeman", "swap", "myapp", "v2")
		if got := must(ctx, t, h, "curl", "-s", "http://127.0.0.1/"); !contains(got, `"version":"v2"`) {
			t.Errorf("after the next swap: %s", got)
		}
	})
}

func shrink(ctx context.Context, t *testing.T, h *host.Host) {
	t.Helper()
	before := backlog(ctx, t, h)
	must(ctx, t, h, "curl", "-s", "http://127.0.0.1/do/shrink")
	eventually(ctx, t, 10*time.Second, "the queue is long again", func() bool { return backlog(ctx, t, h) == before })
	wantSaid(ctx, t, h, "the app had shrunk the queue of myapp:blue to 0; it is long again")
	if before < 1024 {
		t.Errorf("backlog %d", before)
	}
}

// shutdown: only a new socket helps, and the app has to be started again to get
// it. It takes the time that a start takes, and what was queued is lost with
// the socket.
func shutdown(ctx context.Context, t *testing.T, h *host.Host) {
	t.Helper()
	if _, err := h.Run(ctx, "curl", "-s", "--max-time", "5", "http://127.0.0.1/do/shutdown"); err != nil {
		t.Logf("the app's answer to being told: %v", err)
	}
	begun := time.Now()
	eventually(ctx, t, 10*time.Second, "status shows it", func() bool {
		return contains(must(ctx, t, h, "edgeman", "status"), "shut down")
	})
	eventually(ctx, t, 30*time.Second, "the site answers again", func() bool {
		// nginx may still have a connection from before.
		out, _ := h.Run(ctx, "curl", "-sf", "--max-time", "5", "http://127.0.0.1/")
		return contains(out, `"version":"v1"`) && status(ctx, t, h).Apps[0].Slots[0].State == "live"
	})
	t.Logf("answers again %v after shutdown(2) on the listener", time.Since(begun).Round(100*time.Millisecond))
	wantSaid(ctx, t, h, "the listening socket of myapp:blue was shut down by a process that holds it")
}

// backlog is the length of the slot's queue, as the kernel has it.
func backlog(ctx context.Context, t *testing.T, h *host.Host) int {
	t.Helper()
	for line := range strings.Lines(must(ctx, t, h, "ss", "--no-header", "--listening", "--unix")) {
		f := strings.Fields(line)
		if len(f) > 4 && f[4] == "/run/edgeman/myapp:blue.sock" {
			n, err := strconv.Atoi(f[3])
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	return -1
}

func systemdLines(ctx context.Context, t *testing.T, h *host.Host) int {
	t.Helper()
	n, err := strconv.Atoi(must(ctx, t, h, "sh", "-c", "journalctl --quiet _PID=1 | wc -l"))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// wantSaid waits until a slot's service has said so in the journal.
func wantSaid(ctx context.Context, t *testing.T, h *host.Host, words string) {
	t.Helper()
	eventually(ctx, t, 10*time.Second, "the journal says "+strconv.Quote(words), func() bool {
		return contains(must(ctx, t, h, "journalctl", "--quiet", "--unit", "edgeman@*"), words)
	})
}
