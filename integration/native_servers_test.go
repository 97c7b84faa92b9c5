//go:build integration

package integration

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"edgeman/integration/host"
	"edgeman/integration/load"
	"edgeman/integration/servers"
)

// longEnv asks for the tests that take longer than every change can wait.
const longEnv = "EDGEMAN_LONG"

// nativeSwaps is how often each server is replaced under load.
const nativeSwaps = 10

// server is how one application server is told to take the socket: the settings
// of the app file, as docs/native.md lists them.
type server struct {
	name     string
	command  []string
	env      []string
	blocking bool
	plain    bool // answers every request alike
	quick    bool // tried in every run, not only in a long one
}

var httpServers = []server{
	{name: "gunicorn sync", command: []string{"gunicorn", "--workers", "4", "wsgi:application"}, quick: true},
	{name: "gunicorn gthread", command: []string{"gunicorn", "--worker-class", "gthread", "--threads", "8", "wsgi:application"}},
	{name: "uvicorn", command: []string{"uvicorn", "--fd", "{fd}", "asgi:application"}},
	{name: "hypercorn", command: []string{"hypercorn", "--bind", "fd://{fd}", "asgi:application"}},
	{name: "waitress from Python", command: []string{"python3", "waitress_fd.py", "{fd}"}},
	{name: "puma single", command: []string{"puma", "--bind-to-activated-sockets", "only", "config.ru"}},
	{name: "puma cluster", command: []string{"puma", "--workers", "2", "--bind-to-activated-sockets", "only", "config.ru"}},
	{name: "unicorn", command: []string{"unicorn", "--config-file", "unicorn.rb", "config.ru"}},
	{name: "node", command: []string{"node", "app.js"}, quick: true},
	{name: "nginx", command: []string{"nginx", "-c", "/app/nginx.conf"}, env: []string{"NGINX={fd}:"}, plain: true},
}

// deafServers are those that cannot take the socket, with what edgeman says.
var deafServers = []server{
	{name: "apache", command: []string{"apachectl", "-c", "Listen 8080", "-DFOREGROUND"}},
	{name: "waitress-serve", command: []string{"waitress-serve", "--port=8080", "wsgi:application"}, quick: true},
}

var phpFPM = server{
	name: "php-fpm", command: []string{"php-fpm8.2", "--fpm-config", "/app/php-fpm.conf"},
	env: []string{"FPM_SOCKETS=/run/php-fpm.sock={fd}"}, blocking: true,
}

// twoSockets takes every socket that it is passed, as systemd's own services do.
var twoSockets = server{name: "gunicorn, two sockets", command: []string{"gunicorn", "--workers", "4", "wsgi:application"}}

const twoSite = `server {
    listen 82;
    client_max_body_size 100m;
    location / {
        proxy_pass http://127.0.0.1:8090;
    }
    location /chat/ {
        proxy_pass http://127.0.0.1:8091;
    }
}
`

const fastcgiSite = `server {
    listen 81;
    client_max_body_size 100m;
    location / {
        include fastcgi_params;
        fastcgi_param SCRIPT_FILENAME /app/index.php;
        fastcgi_pass 127.0.0.1:9000;
    }
}
`

// Each server as Debian ships it takes the socket itself and is replaced ten
// times under load, without one lost request. The server and its own way of
// stopping play no part in that: it is only stopped when nothing is inside it.
func TestNativeServers(t *testing.T) {
	t.Parallel()
	ctx := longContext(t)
	h := Up(ctx, t, releases()[0])
	Install(ctx, t, h)
	if err := servers.Install(ctx, h, os.Stderr); err != nil {
		t.Fatal(err)
	}
	t.Run(phpFPM.name, func(t *testing.T) {
		must(ctx, t, h, "docker", "run", "--detach", "--name", "php", "--publish", "127.0.0.1:9000:9000", "servers:v1",
			"sh", "-c", "sed s,/run/php-fpm.sock,9000, php-fpm.conf >/tmp/fpm.conf; exec php-fpm8.2 --fpm-config /tmp/fpm.conf")
		site(ctx, t, h, "php", fastcgiSite)
		answers(ctx, t, h, "http://127.0.0.1:81/")
		must(ctx, t, h, "edgeman", "adopt", "/etc/nginx/sites-available/php", "--yes", "--name", "php")
		swapTen(ctx, t, h, "php", phpFPM, "http://127.0.0.1:81/")
		wantBlockedWorkers(ctx, t, h)
	})
	t.Run(twoSockets.name, func(t *testing.T) {
		must(ctx, t, h, "docker", "run", "--detach", "--name", "two", "--publish", "127.0.0.1:8090:8080", "--publish", "127.0.0.1:8091:8072",
			"servers:v1", "gunicorn", "--bind", "0.0.0.0:8080", "--bind", "0.0.0.0:8072", "wsgi:application")
		site(ctx, t, h, "two", twoSite)
		answers(ctx, t, h, "http://127.0.0.1:82/")
		must(ctx, t, h, "edgeman", "adopt", "/etc/nginx/sites-available/two", "--yes")
		swapTen(ctx, t, h, "two", twoSockets, "http://127.0.0.1:82/", "http://127.0.0.1:82/chat/")
		for _, port := range []string{"8072", "8080"} {
			if holders := must(ctx, t, h, "sh", "-c", "ss -xlpH | grep '/two:[a-z]*/"+port+".sock'"); !contains(holders, "gunicorn") {
				t.Errorf("the socket of port %s is held by %s", port, holders)
			}
		}
	})
	must(ctx, t, h, "docker", "run", "--detach", "--name", "myapp", "--publish", "127.0.0.1:8080:8080",
		"servers:v1", "gunicorn", "--bind", "0.0.0.0:8080", "wsgi:application")
	site(ctx, t, h, "myapp", plainSite)
	answers(ctx, t, h, "http://127.0.0.1/")
	must(ctx, t, h, "edgeman", "adopt", "/etc/nginx/sites-available/myapp", "--yes")
	for _, s := range httpServers {
		if s.quick || os.Getenv(longEnv) != "" {
			t.Run(s.name, func(t *testing.T) { swapTen(ctx, t, h, "myapp", s, "http://127.0.0.1/") })
		}
	}
	for _, s := range deafServers {
		if s.quick || os.Getenv(longEnv) != "" {
			t.Run(s.name, func(t *testing.T) { wantDeaf(ctx, t, h, s) })
		}
	}
}

// longContext is for tests on one host that do many things, one after the other.
func longContext(t *testing.T) context.Context {
	deadline := time.Now().Add(30 * time.Minute)
	if d, ok := t.Deadline(); ok && d.Add(-30*time.Second).Before(deadline) {
		deadline = d.Add(-30 * time.Second)
	}
	ctx, cancel := context.WithDeadline(t.Context(), deadline)
	t.Cleanup(cancel)
	return ctx
}

// swapTen moves the app to the server and replaces it ten times, under load on
// each address from before the first to after the last.
func swapTen(ctx context.Context, t *testing.T, h *host.Host, app string, s server, urls ...string) {
	t.Helper()
	loads := serverLoads(ctx, t, h, true, urls)
	configure(ctx, t, h, app, s)
	must(ctx, t, h, "edgeman", "swap", app, "v1")
	for _, l := range loads {
		if r, err := l.Stop(); err != nil || r.Failed > 0 {
			t.Fatalf("the swap to %s: %v, %v", s.name, r, err)
		}
	}
	loads = serverLoads(ctx, t, h, s.plain, urls)
	begun := time.Now()
	for i := range nativeSwaps {
		must(ctx, t, h, "edgeman", "swap", app, []string{"v2", "v1"}[i%2])
	}
	took := time.Since(begun)
	for i, l := range loads {
		r, err := l.Stop()
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d swaps of %v each, %d requests to %s, %d failed, longest %v", s.name, nativeSwaps,
			(took / nativeSwaps).Round(10*time.Millisecond), r.Requests, urls[i], r.Failed, r.Longest.Round(time.Millisecond))
		if r.Failed > 0 || len(r.Resent) > 0 {
			t.Errorf("%d of %d requests failed, %d were resent: %q", r.Failed, r.Requests, len(r.Resent), r.Errors)
		}
		if !s.plain && (r.Versions["v1"] == 0 || r.Versions["v2"] == 0) {
			t.Errorf("answers by version: %v", r.Versions)
		}
	}
	if cut := must(ctx, t, h, "sh", "-c", "edgeman history "+app+" --json | grep -c '\"cut\": *[1-9]' || true"); cut != "0" {
		t.Errorf("%s swaps cut connections", cut)
	}
}

func serverLoads(ctx context.Context, t *testing.T, h *host.Host, plain bool, urls []string) (loads []*host.Load) {
	t.Helper()
	for _, url := range urls {
		l, err := h.StartLoad(ctx, load.Options{URL: url, Rate: 60, PostBytes: 3000, Query: "delay=20ms", Plain: plain})
		if err != nil {
			t.Fatal(err)
		}
		loads = append(loads, l)
	}
	return loads
}

// configure writes the app file as its operator would.
func configure(ctx context.Context, t *testing.T, h *host.Host, app string, s server) {
	t.Helper()
	conf := "mode = 'native'\nimage = 'servers'\n"
	switch app {
	case "myapp":
		conf += "ports = [8080]\nhealth = '/health'\n"
	case "two":
		conf += "ports = [8080, 8072]\nhealth = '/health'\n"
	case "php":
		conf += "ports = [9000]\n"
	}
	conf += fmt.Sprintf("command = [%s]\nenv = [%s]\n", quoted(s.command), quoted(s.env))
	if s.blocking {
		conf += "native.blocking = true\n"
	}
	appFile(ctx, t, h, app, conf)
}

func appFile(ctx context.Context, t *testing.T, h *host.Host, app, conf string) {
	t.Helper()
	if err := h.WriteFile(ctx, "/etc/edgeman/apps/"+app+".toml", []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
}

func quoted(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = "'" + w + "'"
	}
	return strings.Join(out, ", ")
}

// answers waits until the site answers.
func answers(ctx context.Context, t *testing.T, h *host.Host, url string) {
	t.Helper()
	eventually(ctx, t, time.Minute, url+" answers", func() bool {
		_, err := h.Run(ctx, "curl", "-sf", "--max-time", "5", url)
		return err == nil
	})
}

// wantDeaf checks that a server that listens by itself is named as such, and
// that nobody noticed.
func wantDeaf(ctx context.Context, t *testing.T, h *host.Host, s server) {
	t.Helper()
	configure(ctx, t, h, "myapp", s)
	l, err := h.StartLoad(ctx, load.Options{URL: "http://127.0.0.1/", Rate: 60, PostBytes: 3000, Plain: true})
	if err != nil {
		t.Fatal(err)
	}
	code, out := run(ctx, t, h, "edgeman", "swap", "myapp", "v1", "--timeout", "20s")
	if want := "the container listens on 8080 by itself and never accepted from fd 3: use mode proxy"; code != 1 || !contains(out, want) {
		t.Errorf("exit %d, want 1 and %q\n%s", code, want, out)
	}
	if r, err := l.Stop(); err != nil || r.Failed > 0 {
		t.Errorf("a swap that failed: %v, %v", r, err)
	}
}

// wantBlockedWorkers: a php-fpm worker ends when accept(2) tells it to try
// again, and its master starts another, hundreds of times a second.
func wantBlockedWorkers(ctx context.Context, t *testing.T, h *host.Host) {
	t.Helper()
	workers := func() string { return must(ctx, t, h, "pgrep", "-f", "^php-fpm: pool") }
	eventually(ctx, t, time.Minute, "the workers of php-fpm stay", func() bool {
		before := workers()
		time.Sleep(2 * time.Second)
		return before == workers()
	})
}

// The guide's table is what was tried.
func TestNativeGuideHasEveryServer(t *testing.T) {
	data, err := os.ReadFile("../docs/native.md")
	if err != nil {
		t.Fatal(err)
	}
	guide := strings.ReplaceAll(string(data), `"`, "'")
	for _, s := range append(slices.Clone(httpServers), phpFPM) {
		settings := []string{"command = [" + quoted(s.command) + "]"}
		if len(s.env) > 0 {
			settings = append(settings, "env = ["+quoted(s.env)+"]")
		}
		for _, want := range settings {
			if !contains(guide, want) {
				t.Errorf("%s: docs/native.md lacks %s", s.name, want)
			}
		}
	}
}
