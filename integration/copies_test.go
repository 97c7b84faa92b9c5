//go:build integration

package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"edgeman/deployer/outcome"
	"edgeman/integration/host"
	"edgeman/integration/load"
)

const copiesSite = `upstream my_app {
    least_conn;
    server 127.0.0.1:8081 max_fails=2;
    server 127.0.0.1:8082; # the second
    server "127.0.0.1:8083";
}
server {
    listen 80 default_server;
    client_max_body_size 100m;
    location / {
        proxy_pass http://my_app;
        proxy_set_header Host $host;
    }
}
`

// copiesOn boots one host with edgeman and the images on it.
func copiesOn(ctx context.Context, t *testing.T) *host.Host {
	t.Helper()
	h := Up(ctx, t, releases()[0])
	Install(ctx, t, h)
	if err := h.BuildImages(ctx, host.Image{Tag: "myapp:v1"}, host.Image{Tag: "myapp:v2"}); err != nil {
		t.Fatal(err)
	}
	must(ctx, t, h, "edgeman", "install")
	return h
}

// startCopies puts a site before three containers made of these images, and
// returns the site file.
func startCopies(ctx context.Context, t *testing.T, h *host.Host, images [3]string, args string) string {
	t.Helper()
	script := "docker rm -f web-1 web-2 web-3 >/dev/null 2>&1\n"
	for i, image := range images {
		policy := [3]string{"always", "unless-stopped", "on-failure:3"}[i]
		script += fmt.Sprintf("docker run --detach --name web-%[1]d --restart %[2]s -p 127.0.0.1:808%[1]d:8080 %[3]s %[4]s &\n", i+1, policy, args, image)
	}
	must(ctx, t, h, "sh", "-c", script+"wait")
	site(ctx, t, h, "myapp", copiesSite)
	for i := range images {
		must(ctx, t, h, "curl", "-sf", "-o", "/dev/null", "--retry", "60", "--retry-all-errors", "--retry-delay", "1", fmt.Sprintf("http://127.0.0.1:808%d/", i+1))
	}
	return siteFile(ctx, t, h)
}

// wantCopies checks that the site is as it was, that its three containers run
// with their own restart policies, and that nothing of edgeman's is left.
func wantCopies(ctx context.Context, t *testing.T, h *host.Host, before string) {
	t.Helper()
	if after := siteFile(ctx, t, h); after != before {
		t.Errorf("the site file is\n%s\nwas\n%s", after, before)
	}
	format := "{{.Name}} {{.State.Running}} {{.HostConfig.RestartPolicy.Name}}"
	got := must(ctx, t, h, "docker", "inspect", "--format", format, "web-1", "web-2", "web-3")
	if want := "/web-1 true always\n/web-2 true unless-stopped\n/web-3 true on-failure"; got != want {
		t.Errorf("containers\n%s\nwant\n%s", got, want)
	}
	left := comesTo(ctx, t, h, "docker ps --all --format '{{.Names}}' | grep -v '^web-[123]$'; find /var/lib/edgeman /etc/edgeman /run/edgeman -name '*myapp*'; systemctl list-units --all --plain --no-legend 'edgeman@*'", "")
	if left != "" {
		t.Errorf("left behind:\n%s", left)
	}
}

func running(ctx context.Context, t *testing.T, h *host.Host) string {
	t.Helper()
	return strings.Join(strings.Fields(must(ctx, t, h, "sh", "-c", "docker ps --format '{{.Names}}' | sort")), " ")
}

// An upstream with three servers of one image becomes an app with three
// replicas, is swapped, survives the death of a replica, and is given back.
func TestAdoptServersOfOneImage(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	h := copiesOn(ctx, t)
	before := startCopies(ctx, t, h, [3]string{"myapp:v1", "myapp:v1", "myapp:v1"}, "")
	clients := startLoads(ctx, t, h, 60)
	out := must(ctx, t, h, "sh", "-c", "edgeman adopt /etc/nginx/sites-available/myapp --yes 2>&1")
	t.Log(out)
	if got := running(ctx, t, h); got != "myapp-blue-1-1 myapp-blue-1-2 myapp-blue-1-3" {
		t.Errorf("after adopt %s run", got)
	}
	conf := siteFile(ctx, t, h)
	if n := strings.Count(conf, "/live/8080.sock"); n != 3 || strings.Count(conf, "max_fails=0") != 3 {
		t.Errorf("the site file has %d lines to the socket, want the three without max_fails:\n%s", n, conf)
	}
	must(ctx, t, h, "edgeman", "swap", "myapp", "v2")
	if got := running(ctx, t, h); got != "myapp-green-2-1 myapp-green-2-2 myapp-green-2-3" {
		t.Errorf("after swap %s run", got)
	}
	wantNoneFailed(ctx, t, clients, "adopt and swap of three")

	// nginx asks another line when a replica dies under a request, as it asked
	// another container.
	l, err := h.StartLoad(ctx, load.Options{URL: "http://127.0.0.1/?delay=50ms", Rate: 100})
	if err != nil {
		t.Fatal(err)
	}
	must(ctx, t, h, "sleep", "0.5")
	must(ctx, t, h, "docker", "kill", "myapp-green-2-2")
	must(ctx, t, h, "sleep", "1")
	res, err := l.Stop()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("a replica killed under GETs: %d requests, %d failed", res.Requests, res.Failed)
	if res.Failed > 0 || res.Requests < 50 {
		t.Errorf("a replica was killed: %v", res)
	}

	clients = startLoads(ctx, t, h, 60)
	must(ctx, t, h, "docker", "rm", "web-3") // as docker system prune does
	t.Log(must(ctx, t, h, "sh", "-c", "edgeman unadopt myapp --yes --to original 2>&1"))
	wantNoneFailed(ctx, t, clients, "release of three, one of them made again")
	wantCopies(ctx, t, h, before)
}

// An adoption of three containers that is refused or fails leaves all three as
// they were. One that has to stop them first and is killed is completed or
// undone, and so is its release.
func TestAdoptOfServersIsUndone(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	h := copiesOn(ctx, t)
	one := [3]string{"myapp:v1", "myapp:v1", "myapp:v1"}
	adopt := []string{"edgeman", "adopt", "/etc/nginx/sites-available/myapp", "--yes", "--drain", "5s"}
	sick := append(adopt[:len(adopt):len(adopt)], "--health", "/x?status=500", "--timeout", "3s")

	before := startCopies(ctx, t, h, [3]string{"myapp:v1", "myapp:v2", "myapp:v1"}, "")
	code, out := run(ctx, t, h, adopt...)
	if code != outcome.ExitRefused || !contains(out, "/etc/nginx/sites-available/myapp:4: 127.0.0.1:8082 is container web-2 of myapp:v2") {
		t.Errorf("two images: exit code %d\n%s", code, out)
	}
	wantCopies(ctx, t, h, before)

	before = startCopies(ctx, t, h, one, "")
	clients := startLoads(ctx, t, h, 40)
	code, out = run(ctx, t, h, sick...)
	if code != outcome.ExitFailed || !contains(out, "everything is as it was before") {
		t.Errorf("sick: exit code %d\n%s", code, out)
	}
	wantNoneFailed(ctx, t, clients, "sick")
	wantCopies(ctx, t, h, before)

	before = startCopies(ctx, t, h, one, "-v data:/data")
	clients = startLoads(ctx, t, h, 20)
	killAt(ctx, t, h, "nginx", adopt...)
	_, out = run(ctx, t, h, "sh", "-c", "edgeman repair myapp 2>&1")
	t.Logf("adopt killed after nginx; repair says: %s", strings.TrimSpace(out))
	if siteFile(ctx, t, h) == before {
		wantCopies(ctx, t, h, before)
		must(ctx, t, h, adopt...)
	}
	if got := running(ctx, t, h); got != "myapp-blue-1-1 myapp-blue-1-2 myapp-blue-1-3" {
		t.Errorf("adopted, %s run", got)
	}
	killAt(ctx, t, h, "start", "edgeman", "unadopt", "myapp", "--yes")
	must(ctx, t, h, "edgeman", "repair", "myapp")
	wantNoneFailed(ctx, t, clients, "stopped first, killed")
	wantCopies(ctx, t, h, before)
}

func wantNoneFailed(ctx context.Context, t *testing.T, c clients, what string) {
	t.Helper()
	total := c.stop(ctx, t, 200)
	t.Logf("%s: %d requests, %d failed, longest wait %v", what, total.Requests, total.Failed, total.Longest.Round(time.Millisecond))
	if total.Failed > 0 {
		t.Errorf("%s: %d of %d requests failed: %q", what, total.Failed, total.Requests, total.Errors)
	}
}
