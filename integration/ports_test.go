//go:build integration

package integration

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"edgeman/integration/host"
	"edgeman/integration/load"
)

// Connections are not kept: on those that nginx has kept, the old slot goes on
// answering for some seconds after the switch, and this counts who answers.
const portsSite = `upstream web {
    server 127.0.0.1:8080;
}
upstream chat {
    server 127.0.0.1:8072;
}
map $http_upgrade $connection_upgrade {
    default upgrade;
    '' close;
}
server {
    listen 80 default_server;
    location / {
        proxy_pass http://web;
        proxy_set_header Host $host;
        proxy_set_header Connection close;
    }
    location /websocket {
        proxy_pass http://chat;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
    }
    location /longpolling/ {
        proxy_pass http://127.0.0.1:8072;
        proxy_set_header Connection close;
    }
}
`

// A container that a site reaches at two ports becomes one app, whose listeners
// move together: ten swaps under load on both, and a client that asks them in turn
// never sees the release before after it has seen the next.
func TestPortsOfOneContainer(t *testing.T) {
	for i, mode := range []string{"proxy", "native"} {
		t.Run(mode, func(t *testing.T) { portsOfOneContainer(t, i, mode) })
	}
}

func portsOfOneContainer(t *testing.T, turn int, mode string) {
	RunInTurn(t, turn, func(ctx context.Context, t *testing.T, h *host.Host) {
		Install(ctx, t, h)
		plainApp(ctx, t, h)
		must(ctx, t, h, "docker", "rm", "--force", "myapp")
		image := func(version string) host.Image {
			return host.Image{Tag: "odoo:" + version, Env: map[string]string{"ECHO_LISTEN": "auto", "ALSO": "8072", "ECHO_VERSION": version}}
		}
		if err := h.BuildImages(ctx, image("v1"), image("v2")); err != nil {
			t.Fatal(err)
		}
		must(ctx, t, h, "docker", "run", "--detach", "--name", "odoo", "--restart", "always", "--publish", "127.0.0.1:8080:8080", "--publish", "127.0.0.1:8072:8072", "odoo:v1")
		must(ctx, t, h, "sed", "-i", "s/worker_connections .*/worker_connections 4096;/", "/etc/nginx/nginx.conf") // requests wait
		site(ctx, t, h, "myapp", portsSite)
		before := siteFile(ctx, t, h)
		eventually(ctx, t, time.Minute, "both ports answer", func() bool {
			_, err := h.Run(ctx, "curl", "-sf", "http://127.0.0.1/", "http://127.0.0.1/longpolling/x")
			return err == nil
		})

		must(ctx, t, h, "edgeman", "adopt", "/etc/nginx/sites-available/myapp", "--yes", "--mode", mode)
		if ports := must(ctx, t, h, "sh", "-c", "ls /var/lib/edgeman/apps/odoo/live/"); ports != "8072.sock\n8080.sock" {
			t.Errorf("the live slot listens at %q", ports)
		}
		var loads []*host.Load
		for _, path := range []string{"/", "/longpolling/"} {
			for _, keepalive := range []bool{true, false} {
				l, err := h.StartLoad(ctx, load.Options{URL: "http://127.0.0.1" + path, Rate: 40, PostBytes: 3000, Keepalive: keepalive})
				if err != nil {
					t.Fatal(err)
				}
				loads = append(loads, l)
			}
		}
		turns := h.Exec(ctx, "sh", "-c", `while [ ! -e /root/over ]; do curl -s http://127.0.0.1/ http://127.0.0.1/longpolling/x; echo; done`)
		var asked strings.Builder
		turns.Stdout = &asked
		if err := turns.Start(); err != nil {
			t.Fatal(err)
		}
		const swaps = 10
		for i := range swaps {
			must(ctx, t, h, "edgeman", "swap", "odoo", []string{"v2", "v1"}[i%2])
		}
		must(ctx, t, h, "edgeman", "swap", "odoo", "v2", "--strategy", "stop-first")
		pausePorts(ctx, t, h)
		must(ctx, t, h, "touch", "/root/over")
		if err := turns.Wait(); err != nil {
			t.Error(err)
		}
		total := 0
		for _, l := range loads {
			r, err := l.Stop()
			if err != nil {
				t.Fatal(err)
			}
			total += r.Requests
			if r.Failed > 0 || r.Versions["v1"] == 0 || r.Versions["v2"] == 0 {
				t.Errorf("%d of %d requests failed: %q, answers by version %v", r.Failed, r.Requests, r.Errors, r.Versions)
			}
		}
		versions := versionsIn(t, asked.String())
		t.Logf("%d swaps, one that stops first and a pause: %d requests on both ports; a client that asks both in turn got %d answers", swaps, total, len(versions))
		if runs := slices.Compact(slices.Clone(versions)); len(runs) > swaps+2 {
			t.Errorf("the versions came in the order %q", runs)
		}
		restPorts(ctx, t, h)
		must(ctx, t, h, "edgeman", "unadopt", "odoo", "--yes", "--to", "original")
		if after := siteFile(ctx, t, h); after != before {
			t.Errorf("given back as\n%s\nwas\n%s", after, before)
		}
		must(ctx, t, h, "curl", "-sf", "http://127.0.0.1/", "http://127.0.0.1/longpolling/x")
	})
}

// pausePorts: a pause holds the requests of every port.
func pausePorts(ctx context.Context, t *testing.T, h *host.Host) {
	t.Helper()
	must(ctx, t, h, "edgeman", "pause", "odoo", "--max", "30s")
	for _, path := range []string{"/", "/longpolling/x"} {
		if code, out := run(ctx, t, h, "curl", "-s", "--max-time", "1", "http://127.0.0.1"+path); code != 28 {
			t.Errorf("%s while the app is paused: curl exits with %d: %s", path, code, out)
		}
	}
	must(ctx, t, h, "edgeman", "resume", "odoo")
}

// restPorts: a connection on any port keeps the app from resting, and a request on
// any port wakes it.
func restPorts(ctx context.Context, t *testing.T, h *host.Host) {
	t.Helper()
	must(ctx, t, h, "sh", "-c", "sed -i \"1i idle = '1s'\" /etc/edgeman/apps/odoo.toml")
	must(ctx, t, h, "edgeman", "swap", "odoo", "v1")
	l, err := h.StartLoad(ctx, load.Options{URL: "http://127.0.0.1/websocket", Websockets: 1})
	if err != nil {
		t.Fatal(err)
	}
	must(ctx, t, h, "sleep", "4")
	if s := slotState(ctx, t, h); s != "live" {
		t.Errorf("with an open websocket on the second port the slot is %s", s)
	}
	if r, err := l.Stop(); err != nil || r.Messages == 0 || r.SessionsBroken > 0 {
		t.Errorf("%v, %v", r, err)
	}
	for _, path := range []string{"/longpolling/x", "/"} {
		idle(ctx, t, h)
		must(ctx, t, h, "curl", "-sf", "http://127.0.0.1"+path)
	}
}

// versionsIn are those of the echo app's answers, one after the other.
func versionsIn(t *testing.T, answers string) (versions []string) {
	t.Helper()
	for d := json.NewDecoder(strings.NewReader(answers)); d.More(); {
		var a struct{ Version string }
		if err := d.Decode(&a); err != nil {
			t.Fatalf("%v in %.300q", err, answers)
		}
		versions = append(versions, a.Version)
	}
	return versions
}
