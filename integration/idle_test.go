//go:build integration

package integration

import (
	"context"
	"fmt"
	"testing"
	"time"

	"edgeman/integration/host"
	"edgeman/integration/load"
)

// An app with an idle time is stopped when nobody uses it, and whoever comes next
// waits until it has started. An open websocket is use, and every command works.
func TestIdle(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	h := Up(ctx, t, releases()[0])
	adopted(ctx, t, h)
	for _, mode := range []string{"proxy", "native"} {
		env := "[]"
		if mode == "native" {
			env = "['ECHO_LISTEN=fd', 'ECHO_TERM=exit']"
		}
		appFile(ctx, t, h, "myapp", fmt.Sprintf("mode = '%s'\nports = [8080]\nimage = 'myapp'\nhealth = '/health'\nidle = '1s'\nenv = %s\n", mode, env))
		must(ctx, t, h, "edgeman", "swap", "myapp", "v1")
		idle(ctx, t, h)
		burst(ctx, t, h, mode)

		l, err := h.StartLoad(ctx, load.Options{URL: "http://127.0.0.1/", Websockets: 1})
		if err != nil {
			t.Fatal(err)
		}
		must(ctx, t, h, "sleep", "4")
		if s := slotState(ctx, t, h); s != "live" {
			t.Errorf("%s: with an open websocket the slot is %s", mode, s)
		}
		if r, err := l.Stop(); err != nil || r.Messages == 0 || r.SessionsBroken > 0 {
			t.Errorf("%s: %v, %v", mode, r, err)
		}

		idle(ctx, t, h)
		unit := "edgeman@myapp:" + statusOf(ctx, t, h).Apps[0].Live + ".service"
		must(ctx, t, h, "kill", "-9", mainPID(ctx, t, h, unit))
		must(ctx, t, h, "systemctl", "restart", "docker")
		idle(ctx, t, h)
		burst(ctx, t, h, mode+", edgeman serve killed and docker restarted while it slept")
	}
	for _, args := range [][]string{{"swap", "myapp", "v2"}, {"rollback", "myapp"}, {"restart", "myapp"}, {"swap", "myapp", "v2", "--strategy", "stop-first"}, {"pause", "myapp", "--max", "30s"}, {"resume", "myapp"}} {
		if args[0] != "resume" {
			idle(ctx, t, h)
		}
		must(ctx, t, h, append([]string{"edgeman"}, args...)...)
	}
	burst(ctx, t, h, "after commands on an idle app")
}

// idle waits until the live slot says so and no container runs.
func idle(ctx context.Context, t *testing.T, h *host.Host) {
	t.Helper()
	eventually(ctx, t, 90*time.Second, "the app is idle", func() bool {
		return slotState(ctx, t, h) == "idle" && must(ctx, t, h, "docker", "ps", "--quiet", "--filter", "label=edgeman.replica") == ""
	})
}

func slotState(ctx context.Context, t *testing.T, h *host.Host) string {
	t.Helper()
	return statusOf(ctx, t, h).Apps[0].Slots[slotOf(ctx, t, h)].State
}

// burst is what wakes the app.
func burst(ctx context.Context, t *testing.T, h *host.Host, what string) {
	t.Helper()
	r, err := h.LoadFor(ctx, 3*time.Second, load.Options{URL: "http://127.0.0.1/", Rate: 100, PostBytes: 3000, Plain: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %d requests to an idle app, %d failed, longest wait %v", what, r.Requests, r.Failed, r.Longest.Round(time.Millisecond))
	if r.Failed > 0 || r.Requests < 150 {
		t.Errorf("%s: %v", what, r)
	}
}
