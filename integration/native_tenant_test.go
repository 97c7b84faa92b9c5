//go:build integration

package integration

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"edgeman/integration/host"
	"edgeman/integration/load"
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
	eventually(ctx, t, time.Minute, "the queue is long again", func() bool { return backlog(ctx, t, h) == before })
	wantSaid(ctx, t, h, "the app had shrunk the queue of myapp:blue to 0; it is long again")
	if before < 1024 {
		t.Errorf("backlog %d", before)
	}
}

// shutdown: only a new socket helps. The other slot has one that no app holds
// yet, so requests wait there until a container has started in it.
func shutdown(ctx context.Context, t *testing.T, h *host.Host) {
	t.Helper()
	l, err := h.StartLoad(ctx, load.Options{URL: "http://127.0.0.1/", Rate: 100, PostBytes: 3000, Plain: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Run(ctx, "curl", "-s", "--max-time", "5", "http://127.0.0.1/do/shutdown"); err != nil {
		t.Logf("the app's answer to being told: %v", err)
	}
	eventually(ctx, t, time.Minute, "the app has moved", func() bool { return statusOf(ctx, t, h).Apps[0].Live == "green" })
	eventually(ctx, t, 90*time.Second, "the site answers again", func() bool {
		out, _ := h.Run(ctx, "curl", "-sf", "--max-time", "20", "http://127.0.0.1/")
		return contains(out, `"version":"v1"`)
	})
	must(ctx, t, h, "sleep", "2")
	r, err := l.Stop()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("shutdown(2) on the listener under load: %d of %d requests failed, so it refused for about %v; longest wait %v",
		r.Failed, r.Requests, time.Duration(r.Failed)*10*time.Millisecond, r.Longest.Round(time.Millisecond))
	if 2*r.Failed > r.Requests { // most of the time it only let them wait
		t.Errorf("%v", r)
	}
	if out := must(ctx, t, h, "edgeman", "status"); !contains(out, "release 1 shut down the listening socket of blue") {
		t.Errorf("status says nothing of it:\n%s", out)
	}
	wantSaid(ctx, t, h, "the listening socket of myapp:blue was shut down by a process that holds it; moved to myapp:green")
	if out := must(ctx, t, h, "edgeman", "history", "myapp"); !contains(out, "move") {
		t.Errorf("history says nothing of it:\n%s", out)
	}
}

// backlog is the length of the slot's queue, as the kernel has it.
func backlog(ctx context.Context, t *testing.T, h *host.Host) int {
	t.Helper()
	for line := range strings.Lines(must(ctx, t, h, "ss", "--no-header", "--listening", "--unix")) {
		f := strings.Fields(line)
		if len(f) > 4 && f[4] == "/run/edgeman/myapp:blue/8080.sock" {
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
	eventually(ctx, t, time.Minute, "the journal says "+strconv.Quote(words), func() bool {
		return contains(must(ctx, t, h, "journalctl", "--quiet", "--unit", "edgeman@*"), words)
	})
}
