//go:build integration

package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"edgeman/integration/host"
	"edgeman/integration/load"
)

// soakSite keeps connections to the app alive, except below /close/ and for
// websockets. They live so briefly that a thousand drains end in this lifetime.
const soakSite = `upstream NAME {
    server 127.0.0.1:8PORT;
    keepalive 16;
    keepalive_time 500ms;
    keepalive_timeout 400ms;
}
map $http_upgrade $NAME_connection {
    default $http_connection;
    "" "";
}
server {
    listen PORT;
    client_max_body_size 100m;
    proxy_http_version 1.1;
    location / {
        proxy_pass http://NAME;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $NAME_connection;
    }
    location /close/ {
        proxy_pass http://NAME;
        proxy_set_header Connection close;
    }
}
`

// soakApp is one app of the soak: how often it is swapped, and how.
type soakApp struct {
	name, port, strategy string
	swaps, rate          int

	seconds []float64 // of each swap
	loads   []*host.Load
}

// Swap after swap under mixed load loses no request and leaves nothing behind.
// Two apps are swapped at the same time, one by overlap and one stop-first,
// each time to an image of its own. SOAK_SWAPS and SOAK_STOP_FIRST say how often,
// and SOAK_FOR after how long to make an end all the same.
func TestSoak(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	if d, ok := t.Deadline(); ok {
		bounded, cancel := context.WithDeadline(ctx, d.Add(-time.Minute))
		defer cancel()
		ctx = bounded
	}
	h := Up(ctx, t, releases()[0])
	apps := []*soakApp{
		{name: "over", port: "81", strategy: "overlap", swaps: soakSize("SOAK_SWAPS", 24), rate: 40},
		{name: "again", port: "82", strategy: "stop-first", swaps: soakSize("SOAK_STOP_FIRST", 6), rate: 20},
	}
	soakHost(ctx, t, h, apps)
	for _, a := range apps {
		for range 3 { // what is opened once and kept
			if err := a.swap(ctx, h); err != nil {
				t.Fatal(err)
			}
		}
	}
	before, start := takeCensus(ctx, t, h), time.Now()
	for _, a := range apps {
		a.startLoads(ctx, t, h)
	}
	soakSwaps(ctx, t, h, apps)
	result := soakStop(ctx, t, apps)
	soakSummary(t, apps, result, time.Since(start))
	if result.Broken() > 0 || len(result.Resent) > 0 {
		t.Errorf("%d requests and %d websockets broke, %d requests were resent: %q", result.Failed, result.SessionsBroken, len(result.Resent), result.Errors)
	}
	soakWhole(ctx, t, h, apps)
	wantCensus(ctx, t, h, before)
}

// soakImages are kept of each app: those of the 10 releases that are retained,
// and of what the census may find on its way out.
const soakImages = 12

func soakSize(name string, size int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return size
}

// soakHost brings up both apps and has them adopted.
func soakHost(ctx context.Context, t *testing.T, h *host.Host, apps []*soakApp) {
	t.Helper()
	Install(ctx, t, h)
	must(ctx, t, h, "sh", "-c", `sed -i '1i worker_rlimit_nofile 16384;' /etc/nginx/nginx.conf
		sed -i 's/worker_connections .*/worker_connections 4096;/' /etc/nginx/nginx.conf`)
	for _, a := range apps {
		if err := h.BuildImages(ctx, host.Image{Tag: a.name + ":base"}); err != nil {
			t.Fatal(err)
		}
		must(ctx, t, h, "docker", "run", "--detach", "--name", a.name, "--restart", "always", "--publish", "127.0.0.1:8"+a.port+":8080", a.name+":base")
		site(ctx, t, h, a.name, strings.NewReplacer("NAME", a.name, "PORT", a.port).Replace(soakSite))
		answers(ctx, t, h, "http://127.0.0.1:"+a.port+"/health")
	}
	for _, a := range apps {
		must(ctx, t, h, "edgeman", "adopt", "/etc/nginx/sites-available/"+a.name, "--health", "/health", "--yes")
	}
}

// soakStore keeps builds and removals of images apart: a build that looks among
// the images made of the same base for one it could use fails, on Docker 20.10,
// when that is just being removed.
var soakStore sync.Mutex

// build makes the image of release n and removes that of a release that is long
// forgotten: edgeman never does so with what was built here. Docker refuses that
// while anything still uses it.
func (a *soakApp) build(ctx context.Context, h *host.Host, n int) error {
	soakStore.Lock()
	defer soakStore.Unlock()
	script := fmt.Sprintf("printf 'FROM %[1]s:base\nENV ECHO_VERSION=%[1]s-%[2]d\n' | DOCKER_BUILDKIT=0 docker build --quiet --tag %[1]s:%[2]d - >/dev/null", a.name, n)
	if old := n - soakImages; old > 1 {
		script += fmt.Sprintf("; docker rmi %s:%d >/dev/null", a.name, old)
	}
	_, err := h.Shell(ctx, script)
	return err
}

// swap swaps to the next image.
func (a *soakApp) swap(ctx context.Context, h *host.Host) error {
	n := len(a.seconds) + 2 // release 1 is the adopted one
	if err := a.build(ctx, h, n); err != nil {
		return fmt.Errorf("%s, images of swap %d: %w", a.name, n, err)
	}
	out, err := h.Run(ctx, "edgeman", "swap", a.name, strconv.Itoa(n), "--strategy", a.strategy, "--json")
	if err != nil {
		return fmt.Errorf("%s, swap %d: %w", a.name, n, err)
	}
	var r struct {
		Release, Cut int
		Seconds      float64
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		return err
	}
	a.seconds = append(a.seconds, r.Seconds)
	if r.Release != n || r.Cut != 0 {
		return fmt.Errorf("%s: release %d with %d connections cut, want release %d and none", a.name, r.Release, r.Cut, n)
	}
	return nil
}

// startLoads starts the mix: GET and POST with bodies on kept and on fresh
// connections at both ends, slow requests, and websockets of up to a second.
func (a *soakApp) startLoads(ctx context.Context, t *testing.T, h *host.Host) {
	t.Helper()
	url := "http://127.0.0.1:" + a.port
	for _, o := range []load.Options{
		{URL: url + "/", Rate: a.rate, PostBytes: 3000, Keepalive: true, Websockets: 2, WebsocketLife: time.Second},
		{URL: url + "/close/", Rate: a.rate / 2, PostBytes: 20000},
		{URL: url + "/", Rate: 5, PostBytes: 300, Query: "delay=700ms", Keepalive: true},
		{URL: url + "/close/", Rate: a.rate / 2, PostBytes: 100, Keepalive: true},
	} {
		o.Timeout = 2 * time.Minute
		l, err := h.StartLoad(ctx, o)
		if err != nil {
			t.Fatal(err)
		}
		a.loads = append(a.loads, l)
	}
}

// soakSwaps swaps all apps at the same time until each has had its number, or
// one swap fails, and says now and then how far it has got.
func soakSwaps(ctx context.Context, t *testing.T, h *host.Host, apps []*soakApp) {
	t.Helper()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var wg sync.WaitGroup
	var mu sync.Mutex
	start, said, limit := time.Now(), time.Now(), 6*time.Hour
	if d, err := time.ParseDuration(os.Getenv("SOAK_FOR")); err == nil {
		limit = d
	}
	for _, a := range apps {
		warm := len(a.seconds)
		wg.Go(func() {
			for i := 1; i <= a.swaps && ctx.Err() == nil && time.Since(start) < limit; i++ {
				if err := a.swap(ctx, h); err != nil {
					stop(err)
					return
				}
				mu.Lock()
				if time.Since(said) > 20*time.Second || i == a.swaps {
					said = time.Now()
					t.Logf("%s: %d of %d swaps by %s after %s, the last took %.1fs", a.name, len(a.seconds)-warm, a.swaps, a.strategy,
						time.Since(start).Round(time.Second), a.seconds[len(a.seconds)-1])
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		t.Error(err)
	}
}

func soakStop(ctx context.Context, t *testing.T, apps []*soakApp) load.Result {
	t.Helper()
	var total load.Result
	for _, a := range apps {
		for _, l := range a.loads {
			r, err := l.Stop()
			if err != nil {
				t.Fatal(errors.Join(err, ctx.Err()))
			}
			total.Requests += r.Requests
			total.Failed += r.Failed
			total.Sessions += r.Sessions
			total.SessionsBroken += r.SessionsBroken
			total.Resent = append(total.Resent, r.Resent...)
			total.Errors = append(total.Errors, r.Errors...)
			total.Longest = max(total.Longest, r.Longest)
		}
	}
	return total
}

func soakSummary(t *testing.T, apps []*soakApp, r load.Result, took time.Duration) {
	t.Helper()
	for _, a := range apps {
		s := slices.Sorted(slices.Values(a.seconds))
		t.Logf("%-5s %4d swaps by %-8s  median %.1fs  longest %.1fs", a.name, len(s), a.strategy, s[len(s)/2], s[len(s)-1])
	}
	t.Logf("%d requests in %s, %d failed, longest wait %s; %d websockets, %d broken",
		r.Requests, took.Round(time.Second), r.Failed, r.Longest.Round(time.Millisecond), r.Sessions, r.SessionsBroken)
}

// soakWhole checks that the status says what was done, and nothing besides.
func soakWhole(ctx context.Context, t *testing.T, h *host.Host, apps []*soakApp) {
	t.Helper()
	out := must(ctx, t, h, "edgeman", "status", "--json")
	var s statusJSON
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatal(err)
	}
	for _, a := range apps {
		want := len(a.seconds) + 1
		i := slices.IndexFunc(s.Apps, func(app statusApp) bool { return app.Name == a.name })
		if i < 0 {
			t.Errorf("status lacks %s:\n%s", a.name, out)
			continue
		}
		app, states := s.Apps[i], map[string]int{}
		for _, slot := range app.Slots {
			states[slot.State]++
		}
		if app.Release != want || app.Image != fmt.Sprintf("%s:%d", a.name, want) || states["live"] != 1 || states["empty"] != 1 || len(app.Problems) > 0 {
			t.Errorf("status of %s, want release %d live, the other slot empty and no problem:\n%s", a.name, want, out)
		}
		var answer struct{ Version string }
		if err := json.Unmarshal([]byte(must(ctx, t, h, "curl", "-s", "http://127.0.0.1:"+a.port+"/")), &answer); err != nil || answer.Version != fmt.Sprintf("%s-%d", a.name, want) {
			t.Errorf("%s answers as %q, want release %d", a.name, answer.Version, want)
		}
	}
}
