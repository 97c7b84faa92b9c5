//go:build integration

package integration

import (
	"context"
	"strings"
	"testing"
	"time"

	"edgeman/integration/host"
	"edgeman/integration/load"
)

// An app that may not run twice, that takes the listener itself, and that drops
// everything at SIGTERM: its requests wait in the other slot's socket until it
// has answered what is inside it. No release but one ever runs.
func TestNativeStopFirst(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	h := Up(ctx, t, releases()[0])
	nativeEcho(ctx, t, h)
	stopFirst(ctx, t, h)
	if err := h.BuildImages(ctx, host.Image{Tag: "myapp:sick", Env: map[string]string{"ECHO_UNHEALTHY": "1h"}}); err != nil {
		t.Fatal(err)
	}
	l, err := h.StartLoad(ctx, load.Options{URL: "http://127.0.0.1/", Rate: 60, PostBytes: 3000, Query: "delay=300ms"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range []string{"v2", "v1"} {
		must(ctx, t, h, "edgeman", "swap", "myapp", tag)
		wantOneContainer(ctx, t, h, tag)
	}
	out, err := h.Run(ctx, "edgeman", "swap", "myapp", "sick", "--timeout", "2s")
	if err == nil || !contains(err.Error(), "release 4 serves again") || !contains(err.Error(), "exit status 1") {
		t.Errorf("a release that is not healthy: %s, %v", out, err)
	}
	wantOneContainer(ctx, t, h, "a failed release")
	must(ctx, t, h, "edgeman", "restart", "myapp")
	r, err := l.Stop()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("two replacements, one that failed, a restart: %d requests of 300ms, %d failed, longest %v", r.Requests, r.Failed, r.Longest.Round(time.Millisecond))
	if r.Failed > 0 || len(r.Resent) > 0 || r.Versions["v1"] == 0 || r.Versions["v2"] == 0 || r.Versions["sick"] > 0 {
		t.Errorf("%v", r)
	}
	wantOneAtATime(ctx, t, h)
}

// The command is killed after each step that it prints: nobody notices, and the
// next command says what it found.
func TestNativeStopFirstKilled(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	h := Up(ctx, t, releases()[0])
	nativeEcho(ctx, t, h)
	stopFirst(ctx, t, h)
	l, err := h.StartLoad(ctx, load.Options{URL: "http://127.0.0.1/", Rate: 60, PostBytes: 3000, Query: "delay=300ms"})
	if err != nil {
		t.Fatal(err)
	}
	for i, step := range []string{"pull", "socket", "switch", "start"} {
		tag := []string{"v2", "v1"}[i%2]
		killAt(ctx, t, h, step, "edgeman", "swap", "myapp", tag)
		out := must(ctx, t, h, "sh", "-c", "edgeman swap myapp "+tag+" --wait 90s 2>&1")
		t.Logf("killed after %q; the next swap says:\n%s", step, out)
		wantOneContainer(ctx, t, h, step)
	}
	r, err := l.Stop()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("killed at 4 steps: %d requests of 300ms, %d failed, longest %v", r.Requests, r.Failed, r.Longest.Round(time.Millisecond))
	if r.Failed > 0 || len(r.Resent) > 0 {
		t.Errorf("%v", r)
	}
	wantOneAtATime(ctx, t, h)
}

// stopFirst makes the native echo app one that may not run twice, and begins the
// record of its containers' lives.
func stopFirst(ctx context.Context, t *testing.T, h *host.Host) {
	t.Helper()
	appFile(ctx, t, h, "myapp", "mode = 'native'\nstrategy = 'stop-first'\nports = [8080]\nimage = 'myapp'\nhealth = '/health'\nenv = ['ECHO_LISTEN=fd', 'ECHO_TERM=exit']\n")
	must(ctx, t, h, "sh", "-c", "date +%s.%N >/root/began")
}

// wantOneAtATime reads Docker's own record of containers that started and died.
func wantOneAtATime(ctx context.Context, t *testing.T, h *host.Host) {
	t.Helper()
	events := must(ctx, t, h, "sh", "-c", `docker events --since "$(cat /root/began)" --until "$(date +%s.%N)" --filter type=container --filter event=start --filter event=die --format '{{.Action}} {{.Actor.Attributes.name}}'`)
	running, starts := 1, 0
	for line := range strings.Lines(events) {
		if strings.HasPrefix(line, "start") {
			running++
			starts++
		} else {
			running--
		}
		if running > 1 {
			t.Fatalf("two containers at the same time:\n%s", events)
		}
	}
	if starts == 0 {
		t.Error("no container started: the test sees nothing")
	}
}

// A pause of a native app freezes it, with what is inside. Nothing is lost.
func TestNativePause(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	h := Up(ctx, t, releases()[0])
	nativeEcho(ctx, t, h)
	l, err := h.StartLoad(ctx, load.Options{URL: "http://127.0.0.1/", Rate: 60, PostBytes: 3000, Query: "delay=100ms"})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		must(ctx, t, h, "edgeman", "pause", "myapp", "--max", "30s")
		must(ctx, t, h, "sleep", "1")
		must(ctx, t, h, "edgeman", "resume", "myapp")
		must(ctx, t, h, "sleep", "0.5")
	}
	must(ctx, t, h, "edgeman", "pause", "myapp", "--max", "1s") // ends by itself
	must(ctx, t, h, "sleep", "2")
	r, err := l.Stop()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("three pauses of a second: %d requests of 100ms, %d failed, longest %v", r.Requests, r.Failed, r.Longest.Round(time.Millisecond))
	if r.Failed > 0 || len(r.Resent) > 0 || r.Longest < 900*time.Millisecond {
		t.Errorf("%v", r)
	}
}
