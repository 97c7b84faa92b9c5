//go:build integration

package integration

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"edgeman/deployer/outcome"
	"edgeman/integration/host"
	"edgeman/integration/load"
)

// What each half of the journey has to carry at least; both together make the
// 50,000 requests that the claim names.
const journeyRequests = 25_000

const keepaliveSite = `# kept by hand since 2019
upstream my_app {
	server 127.0.0.1:8080;	# the app
	keepalive 16;
}
server {
    listen 80 default_server;
    client_max_body_size 100m;
    location / {
        proxy_pass http://my_app;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $host;
    }
}
`

// The main job: adopt, ten swaps, one that fails, a rollback and the release,
// with load from before the first until after the last, and not one request
// lost. Once with upstream keepalive and once without, each with clients that
// keep their connections and clients that do not.
func TestJourney(t *testing.T) {
	sites := map[string]string{"keepalive": keepaliveSite, "plain": plainSite}
	for name, conf := range sites {
		t.Run(name, func(t *testing.T) {
			Run(t, func(ctx context.Context, t *testing.T, h *host.Host) { journey(ctx, t, h, conf) })
		})
	}
}

func journey(ctx context.Context, t *testing.T, h *host.Host, conf string) {
	Install(ctx, t, h)
	plainApp(ctx, t, h)
	site(ctx, t, h, "myapp", conf)
	before := siteFile(ctx, t, h)
	sick := host.Image{Tag: "myapp:sick", Env: map[string]string{"ECHO_STATUS": "500"}, Healthcheck: "1s"}
	if err := h.BuildImages(ctx, sick); err != nil {
		t.Fatal(err)
	}
	loads := startLoads(ctx, t, h, 150)

	must(ctx, t, h, "edgeman", "adopt", "/etc/nginx/sites-available/myapp", "--yes")
	adopted := time.Since(loads.start)
	for i := range 10 {
		must(ctx, t, h, "edgeman", "swap", "myapp", []string{"v2", "v1"}[i%2])
	}
	if code, out := run(ctx, t, h, "edgeman", "swap", "myapp", "sick", "--timeout", "10s"); code != outcome.ExitFailed || !strings.Contains(out, "500") {
		t.Errorf("swap to a sick image: exit %d, want %d and its last probe's answer\n%s", code, outcome.ExitFailed, out)
	}
	must(ctx, t, h, "edgeman", "rollback", "myapp")
	wantStatus(ctx, t, h, 10, "myapp:v2")
	releasing := time.Since(loads.start)
	must(ctx, t, h, "edgeman", "unadopt", "myapp", "--yes", "--to", "original")

	total := loads.stop(ctx, t, journeyRequests)
	t.Logf("adopt, 10 swaps, 1 failed swap, 1 rollback, release: %d requests (GET and POST, client keepalive and not), %d failed, longest %v; %d resent because nginx closed their connection at a reload",
		total.Requests, total.Failed, total.Longest.Round(time.Millisecond), len(total.Resent))
	const slack = 5 * time.Second // the clients' clocks and ours begin some moments apart
	for _, at := range total.Resent {
		if at > adopted+slack && at < releasing-slack {
			t.Errorf("a request was resent at %v, between adopt and release, when nobody reloads nginx", at)
		}
	}
	if total.Failed > 0 {
		t.Errorf("%d of %d requests failed: %q", total.Failed, total.Requests, total.Errors)
	}
	if total.Versions["v1"] == 0 || total.Versions["v2"] == 0 || total.Versions["sick"] != 0 {
		t.Errorf("answers by version: %v", total.Versions)
	}
	if after := siteFile(ctx, t, h); after != before {
		t.Errorf("the site file was not given back as it was:\n%s\nbefore:\n%s", after, before)
	}
	wantNothingLeft(ctx, t, h)
}

// clients are the load of a test: one client that keeps its connections and one
// that does not, each sending GET and POST in turn.
type clients struct {
	loads  []*host.Load
	starts []time.Time // of each
	rate   int
	start  time.Time // of the last
}

func startLoads(ctx context.Context, t *testing.T, h *host.Host, rate int, urls ...string) clients {
	t.Helper()
	if len(urls) == 0 {
		urls = []string{"http://127.0.0.1/"}
	}
	c := clients{rate: rate}
	for _, url := range urls {
		for _, keepalive := range []bool{true, false} {
			l, err := h.StartLoad(ctx, load.Options{URL: url, Rate: rate, PostBytes: 3000, Keepalive: keepalive})
			if err != nil {
				t.Fatal(err)
			}
			c.loads, c.start = append(c.loads, l), time.Now()
			c.starts = append(c.starts, c.start)
		}
	}
	return c
}

// stop ends the load when it has had the time for enough requests, and adds the
// clients' counts up. Times count from the start of the last client.
func (c clients) stop(ctx context.Context, t *testing.T, enough int) load.Result {
	t.Helper()
	needs := time.Duration(enough) * time.Second / time.Duration(c.rate*len(c.loads))
	needs += needs / 20 // a stalling machine sends a little later
	select {
	case <-ctx.Done():
	case <-time.After(needs - time.Since(c.start) + 5*time.Second): // and stops sending when it stalls at the end
	}
	total := load.Result{Versions: map[string]int{}}
	for i, l := range c.loads {
		r, err := l.Stop()
		if err != nil {
			t.Fatal(err)
		}
		total.Requests += r.Requests
		total.Failed += r.Failed
		for _, at := range r.Resent {
			total.Resent = append(total.Resent, at-c.start.Sub(c.starts[i]))
		}
		total.Longest = max(total.Longest, r.Longest)
		total.P50 = max(total.P50, r.P50)
		total.Errors = append(total.Errors, r.Errors...)
		for v, n := range r.Versions {
			total.Versions[v] += n
		}
	}
	if total.Requests < enough {
		t.Errorf("only %d requests were sent, the claim needs %d", total.Requests, enough)
	}
	return total
}

// run runs a command that may fail, and returns its exit code and all it printed.
func run(ctx context.Context, t *testing.T, h *host.Host, args ...string) (int, string) {
	t.Helper()
	out, err := h.Run(ctx, args...)
	var exit *host.ExecError
	if errors.As(err, &exit) {
		return exit.Code, exit.Stdout + exit.Stderr
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0, out
}

// comesTo runs a script until it prints what is wanted, for half a minute at most,
// and returns what it printed last.
func comesTo(ctx context.Context, t *testing.T, h *host.Host, script, want string) string {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		if got := must(ctx, t, h, "sh", "-c", script); got == want || time.Now().After(end) {
			return got
		}
	}
}

type statusJSON struct{ Apps []statusApp }

type statusApp struct {
	Name, Live, Image string
	Release           int
	Slots             []struct {
		Name, State, Container, Version string
		Release, Connections            int
	}
	Problems []struct{ Text, Next string }
}

func statusOf(ctx context.Context, t *testing.T, h *host.Host) statusJSON {
	t.Helper()
	var s statusJSON
	if err := json.Unmarshal([]byte(must(ctx, t, h, "edgeman", "status", "--json")), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func wantStatus(ctx context.Context, t *testing.T, h *host.Host, release int, image string) {
	t.Helper()
	s := statusOf(ctx, t, h)
	if len(s.Apps) != 1 || s.Apps[0].Release != release || s.Apps[0].Image != image {
		t.Errorf("status %+v, want release %d of %s", s, release, image)
	}
}

// siteFile is everything about the site file that adopt must keep or give back.
func siteFile(ctx context.Context, t *testing.T, h *host.Host) string {
	t.Helper()
	return must(ctx, t, h, "sh", "-c", "stat -c '%U %G %a %h' /etc/nginx/sites-available/myapp; readlink /etc/nginx/sites-enabled/myapp; cat /etc/nginx/sites-available/myapp; echo end")
}

// wantNothingLeft checks that a released app has left no unit, file, socket or
// container, and that the adopted container runs as before.
func wantNothingLeft(ctx context.Context, t *testing.T, h *host.Host) {
	t.Helper()
	for what, script := range map[string]string{
		"units":      "systemctl list-units --all --plain --no-legend 'edgeman@*'",
		"enabled":    "find /etc/systemd/system -name 'edgeman@myapp*'",
		"files":      "find /var/lib/edgeman /etc/edgeman /run/edgeman -name '*myapp*'",
		"processes":  "pgrep -af '[e]dgeman serve' || true",
		"containers": "docker ps --all --format '{{.Names}}' | grep -v '^myapp$' || true",
		"images":     "docker images --quiet --filter dangling=true",
	} {
		// systemd forgets units a moment after they have ended.
		if left := comesTo(ctx, t, h, script, ""); left != "" {
			t.Errorf("left behind, %s:\n%s", what, left)
		}
	}
	if got := must(ctx, t, h, "docker", "inspect", "--format", "{{.State.Running}} {{.HostConfig.RestartPolicy.Name}}", "myapp"); got != "true always" {
		t.Errorf("the adopted container: %s, want it running with its restart policy", got)
	}
}
