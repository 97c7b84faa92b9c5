//go:build integration

package integration

import (
	"context"
	"fmt"
	"testing"

	"edgeman/integration/host"
	"edgeman/integration/load"
)

// Tools that update containers stop and remove the live one behind everybody's
// back, by Docker's own commands. What that may cost is what is inside an app
// that is killed, or that dies of the signal without finishing, and what an app
// that ends gracefully has not accepted when it closes its listener.
func TestContainerTakenAway(t *testing.T) {
	Run(t, func(ctx context.Context, t *testing.T, h *host.Host) {
		Install(ctx, t, h)
		plainApp(ctx, t, h)
		if err := h.BuildImages(ctx,
			host.Image{Tag: "myapp:exits", Env: map[string]string{"ECHO_TERM": "exit"}},
			host.Image{Tag: "myapp:deaf", Env: map[string]string{"ECHO_TERM": "ignore"}}); err != nil {
			t.Fatal(err)
		}
		// The waits of this test are not to be bounded by nginx.
		must(ctx, t, h, "sed", "-i", "s/worker_connections .*/worker_connections 4096;/", "/etc/nginx/nginx.conf")
		must(ctx, t, h, "systemctl", "restart", "nginx")
		must(ctx, t, h, "edgeman", "adopt", "/etc/nginx/sites-available/myapp", "--yes")
		for _, tt := range []struct {
			tag, how    string
			rounds, may int // lose, each
		}{
			{"v1", "docker stop -t 10 $c; docker rm $c", 2, queued},
			{"v1", "docker restart $c", 2, queued},
			{"v1", "docker rm -f $c", 2, inside},
			{"exits", "docker stop $c", 2, inside},
			{"deaf", "docker stop -t 2 $c; docker rm $c", 2, 0},
		} {
			if tt.tag != "v1" {
				must(ctx, t, h, "edgeman", "swap", "myapp", tt.tag)
			}
			takeAway(ctx, t, h, tt.tag, tt.how, tt.rounds, tt.may)
		}
	})
}

// queued bounds what may lie in the queue of an app at the instant in which it
// closes its listener, as every graceful end does: the kernel resets those.
const queued = 2

// takenAway does it once and makes sure that the next time is not taken for one
// more crash in a row.
const takenAway = `for i in $(seq %[1]d); do
	c=$(docker ps --filter label=edgeman.app=myapp --format '{{.Names}}')
	{ %[2]s; } >/dev/null 2>&1 || true
	curl -sf --max-time 60 http://127.0.0.1/health >/dev/null
	[ $i = %[1]d ] || edgeman restart myapp >/dev/null 2>&1
done`

func takeAway(ctx context.Context, t *testing.T, h *host.Host, tag, how string, rounds, may int) {
	t.Helper()
	var loads []*host.Load
	for _, keepalive := range []bool{true, false} {
		l, err := h.StartLoad(ctx, load.Options{URL: "http://127.0.0.1/", Rate: 50, PostBytes: 3000, Keepalive: keepalive, Query: "delay=20ms"})
		if err != nil {
			t.Fatal(err)
		}
		loads = append(loads, l)
	}
	must(ctx, t, h, "sh", "-ec", fmt.Sprintf(takenAway, rounds, how))
	failed, requests := 0, 0
	var errors []string
	for _, l := range loads {
		r, err := l.Stop()
		if err != nil {
			t.Fatal(err)
		}
		failed, requests, errors = failed+r.Failed, requests+r.Requests, append(errors, r.Errors...)
	}
	t.Logf("%s, %s, %d times: %d of %d requests failed", tag, how, rounds, failed, requests)
	if failed > rounds*may {
		t.Errorf("%s, %s: %d of %d requests failed, at most %d can have been inside: %q", tag, how, failed, requests, rounds*may, errors)
	}
}
