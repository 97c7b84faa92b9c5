//go:build integration

package integration

import (
	"context"
	"strings"
	"testing"
	"time"

	"edgeman/deployer/outcome"
	"edgeman/integration/host"
)

// Three replicas that are stopped before the next three start: requests wait and
// none is lost, also when the next release does not become healthy, the app is
// paused, or edgeman serve is killed.
func TestReplicasStopFirst(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	h := Up(ctx, t, releases()[0])
	adopted(ctx, t, h)
	sick := host.Image{Tag: "myapp:sick", Env: map[string]string{"ECHO_STATUS": "500"}}
	if err := h.BuildImages(ctx, sick); err != nil {
		t.Fatal(err)
	}
	appFile(ctx, t, h, "myapp", "replicas = 3\nports = [8080]\nimage = 'myapp'\nhealth = '/health'\nstrategy = 'stop-first'\n")
	clients := startLoads(ctx, t, h, 25)
	must(ctx, t, h, "edgeman", "swap", "myapp", "v2")
	must(ctx, t, h, "edgeman", "swap", "myapp", "v1")
	ids := replicaIDs(ctx, t, h)
	if code, out := run(ctx, t, h, "edgeman", "swap", "myapp", "sick", "--timeout", "10s"); code != outcome.ExitFailed || !strings.Contains(out, "500") || !strings.Contains(out, "-1:") {
		t.Errorf("swap to a sick image: exit %d\n%s", code, out)
	}
	eventually(ctx, t, time.Minute, "the three replicas from before the failed swap are back", func() bool {
		return replicaIDs(ctx, t, h) == ids
	})
	must(ctx, t, h, "edgeman", "pause", "myapp", "--max", "20s")
	must(ctx, t, h, "edgeman", "resume", "myapp")
	must(ctx, t, h, "edgeman", "rollback", "myapp")
	must(ctx, t, h, "edgeman", "restart", "myapp", "--strategy", "overlap")
	must(ctx, t, h, "edgeman", "restart", "myapp")
	must(ctx, t, h, "edgeman", "upgrade", "--all")
	wantThreeUp(ctx, t, h)
	total := clients.stop(ctx, t, 0)
	t.Logf("2 swaps, 1 failed, pause, rollback, 2 restarts, upgrade: %d requests, %d failed, longest %v", total.Requests, total.Failed, total.Longest.Round(time.Millisecond))
	if total.Failed > 0 || len(total.Resent) > 0 {
		t.Errorf("%d failed: %q", total.Failed, total.Errors)
	}
	replicasAttached(ctx, t, h)
	if out := must(ctx, t, h, "edgeman", "logs", "myapp", "-n", "0"); !contains(out, "[3] echo v") {
		t.Errorf("the third replica's output is not told apart:\n%s", out)
	}
	must(ctx, t, h, "edgeman", "unadopt", "myapp", "--yes", "--to", "original")
	wantNothingLeft(ctx, t, h)
}

// replicaIDs are the app's containers, running or not.
func replicaIDs(ctx context.Context, t *testing.T, h *host.Host) string {
	t.Helper()
	return must(ctx, t, h, "sh", "-c", "docker ps --all --no-trunc --filter label=edgeman.app --format '{{.Names}} {{.ID}} {{.State}}' | sort")
}

func wantThreeUp(ctx context.Context, t *testing.T, h *host.Host) {
	t.Helper()
	r := replicas(ctx, t, h)
	if len(r) != 3 || len(strings.Fields(replicaIDs(ctx, t, h))) != 9 {
		t.Errorf("replicas %+v, containers:\n%s", r, replicaIDs(ctx, t, h))
	}
	for _, one := range r {
		if one.State != "healthy" {
			t.Errorf("replica %+v", one)
		}
	}
}

// replicasAttached kills edgeman serve: it finds all of its containers again. It
// stays as small with three as with one.
func replicasAttached(ctx context.Context, t *testing.T, h *host.Host) {
	unit := "edgeman@myapp:" + statusOf(ctx, t, h).Apps[0].Live + ".service"
	ids, pid := replicaIDs(ctx, t, h), mainPID(ctx, t, h, unit)
	must(ctx, t, h, "kill", "-9", pid)
	eventually(ctx, t, time.Minute, "edgeman serve is back", func() bool {
		now := mainPID(ctx, t, h, unit)
		return now != pid && now != "0" && contains(must(ctx, t, h, "sh", "-c", "curl -s --max-time 20 http://127.0.0.1/ || true"), "version")
	})
	if now := replicaIDs(ctx, t, h); now != ids {
		t.Errorf("containers after edgeman serve was killed:\n%s\nbefore:\n%s", now, ids)
	}
	wantThreeUp(ctx, t, h)
	idle := 0
	eventually(ctx, t, 2*time.Minute, "edgeman serve has at most 12 MB resident", func() bool {
		idle = rss(ctx, t, h, mainPID(ctx, t, h, unit))
		return idle <= 12<<20
	})
	t.Logf("idle edgeman serve with three replicas: %.1f MB resident", float64(idle)/1e6)
}
