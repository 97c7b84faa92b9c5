//go:build integration

package integration

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"edgeman/integration/host"
	"edgeman/integration/load"
)

// portsShape is a container with several ports behind sites as people write them
// for some well-known app.
type portsShape struct {
	name    string
	publish []string          // docker's HOST:CONTAINER, the first container port is the app's own
	files   map[string]string // below /etc/nginx
	sites   []string          // those of them that are adopted
	ports   string            // the listeners, in the order of the app
	urls    []string          // what is asked; one for each way in at least
}

const proxyHeaders = "proxy_set_header Host $host; proxy_set_header X-Real-IP $remote_addr; proxy_set_header X-Forwarded-Proto $scheme;"

var portsShapes = []portsShape{
	{
		name: "odoo", publish: []string{"8069:8069", "8072:8072"}, ports: "8069 8072", sites: []string{"odoo"},
		files: map[string]string{"sites-available/odoo": `upstream odoo { server 127.0.0.1:8069; }
upstream odoochat { server 127.0.0.1:8072; }
map $http_upgrade $connection_upgrade { default upgrade; '' close; }
server {
    listen 80 default_server;
    ` + proxyHeaders + `
    location /websocket {
        proxy_pass http://odoochat;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
        proxy_set_header Host $host;
    }
    location /longpolling { proxy_pass http://odoochat; }
    location / { proxy_redirect off; proxy_pass http://odoo; }
}
`},
		urls: []string{"http://127.0.0.1/web?a=1", "http://127.0.0.1/longpolling/poll"},
	},
	{
		name: "vaultwarden", publish: []string{"8222:80", "3012:3012"}, ports: "80 3012", sites: []string{"vault.conf"},
		files: map[string]string{"conf.d/vault.conf": `server {
    listen 80 default_server;
    client_max_body_size 525M;
    location / { proxy_pass http://127.0.0.1:8222; ` + proxyHeaders + ` }
    location /notifications/hub {
        proxy_pass http://127.0.0.1:3012;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "upgrade";
    }
    location /notifications/hub/negotiate { proxy_pass http://127.0.0.1:8222; ` + proxyHeaders + ` }
}
`},
		urls: []string{"http://127.0.0.1/", "http://127.0.0.1/notifications/hub", "http://127.0.0.1/notifications/hub/negotiate?x"},
	},
	{
		name: "minio", publish: []string{"9000:9000", "9001:9001"}, ports: "9000 9001", sites: []string{"s3.conf", "console.conf"},
		files: map[string]string{
			"conf.d/s3.conf":      "server {\n    listen 80;\n    server_name s3.example.com;\n    ignore_invalid_headers off;\n    location / {\n        proxy_set_header Host $http_host;\n        proxy_pass http://127.0.0.1:9000;\n    }\n}\n",
			"conf.d/console.conf": "upstream console {\n    least_conn;\n    server 127.0.0.1:9001;\n}\nserver {\n    listen 8080;\n    location / {\n        proxy_pass http://console;\n        " + proxyHeaders + "\n    }\n}\n",
		},
		urls: []string{"http://127.0.0.1/bucket/a%2Fb", "http://127.0.0.1:8080/login"},
	},
	{
		name: "gitea", publish: []string{"3000:3000", "2022:22"}, ports: "3000 22", sites: []string{"gitea", "/etc/nginx/modules-enabled/99-git.conf"},
		files: map[string]string{
			"sites-available/gitea":       "server {\n    listen 80 default_server;\n    location / {\n        client_max_body_size 512M;\n        proxy_pass http://localhost:3000;\n        " + proxyHeaders + "\n    }\n}\n",
			"modules-enabled/99-git.conf": "stream {\n    upstream ssh { server 127.0.0.1:2022; }\n    server {\n        listen 2222;\n        proxy_pass ssh;\n    }\n}\n",
		},
		urls: []string{"http://127.0.0.1/explore", "http://127.0.0.1:2222/as-if-it-were-ssh"},
	},
	{
		name: "mastodon", publish: []string{"3000:3000", "4000:4000"}, ports: "3000 4000", sites: []string{"mastodon"},
		files: map[string]string{"sites-available/mastodon": `map $http_upgrade $connection_upgrade { default upgrade; '' close; }
upstream backend { server 127.0.0.1:3000 fail_timeout=0; }
upstream streaming { least_conn; server 127.0.0.1:4000 fail_timeout=0; }
server {
    listen 80 default_server;
    root /nonexistent;
    location / { try_files $uri @proxy; }
    location ^~ /api/v1/streaming {
        ` + proxyHeaders + `
        proxy_set_header Proxy "";
        proxy_pass http://streaming;
        proxy_buffering off;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
    }
    location @proxy { ` + proxyHeaders + ` proxy_pass http://backend; proxy_buffering on; }
    error_page 404 500 501 502 503 504 /500.html;
}
`},
		urls: []string{"http://127.0.0.1/about", "http://127.0.0.1/api/v1/streaming/health"},
	},
	{
		name: "frappe", publish: []string{"8000:8000", "9000:9000"}, ports: "8000 9000", sites: []string{"frappe.conf"},
		files: map[string]string{"conf.d/frappe.conf": `upstream frappe-bench-frappe { server 127.0.0.1:8000 fail_timeout=0; }
upstream frappe-bench-socketio-server { server 127.0.0.1:9000 fail_timeout=0; }
server {
    listen 80 default_server;
    proxy_buffer_size 128k;
    proxy_buffers 4 256k;
    proxy_busy_buffers_size 256k;
    location /socket.io {
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "upgrade";
        proxy_set_header X-Frappe-Site-Name $host;
        proxy_set_header Origin $scheme://$http_host;
        proxy_set_header Host $host;
        proxy_pass http://frappe-bench-socketio-server;
    }
    location / { rewrite ^(.+)/$ $1 permanent; try_files /nothing @webserver; }
    location @webserver {
        ` + proxyHeaders + `
        proxy_set_header X-Use-X-Accel-Redirect True;
        proxy_read_timeout 120;
        proxy_redirect off;
        proxy_pass http://frappe-bench-frappe;
    }
}
`},
		urls: []string{"http://127.0.0.1/app/todo", "http://127.0.0.1/socket.io/?EIO=4"},
	},
}

// Each becomes one app that answers on every port as before, swaps ten times under
// load on all of them without losing a request, and is given back whole.
func TestSitesOfSeveralPorts(t *testing.T) {
	for i, s := range portsShapes {
		t.Run(s.name, func(t *testing.T) { RunInTurn(t, i, s.run) })
	}
}

func (s portsShape) run(ctx context.Context, t *testing.T, h *host.Host) {
	Install(ctx, t, h)
	s.start(ctx, t, h)
	files, answers := s.read(ctx, t, h), s.ask(ctx, t, h)

	args := []string{"edgeman", "adopt", "--yes", "--json"}
	out := must(ctx, t, h, append(args, s.sites...)...)
	var plan struct {
		Apps []struct {
			App       string
			Listeners []struct{ Name string }
		}
	}
	if err := json.Unmarshal([]byte(out), &plan); err != nil || len(plan.Apps) != 1 || plan.Apps[0].App != s.name {
		t.Fatalf("%v: %s", err, out)
	}
	var ports []string
	for _, l := range plan.Apps[0].Listeners {
		ports = append(ports, l.Name)
	}
	if got := strings.Join(ports, " "); got != s.ports {
		t.Errorf("listeners %s, want %s", got, s.ports)
	}
	if d := cmp.Diff(answers, s.ask(ctx, t, h)); d != "" {
		t.Errorf("after adopt (-before +after):\n%s", d)
	}
	s.swap(ctx, t, h)
	must(ctx, t, h, "edgeman", "unadopt", s.name, "--yes", "--to", "original")
	if d := cmp.Diff(files, s.read(ctx, t, h)); d != "" {
		t.Errorf("given back (-before +after):\n%s", d)
	}
	if d := cmp.Diff(answers, s.ask(ctx, t, h)); d != "" {
		t.Errorf("after giving back (-before +after):\n%s", d)
	}
}

func (s portsShape) start(ctx context.Context, t *testing.T, h *host.Host) {
	t.Helper()
	args := []string{"docker", "run", "--detach", "--name", s.name, "--restart", "always"}
	var inside []string
	for _, p := range s.publish {
		_, port, _ := strings.Cut(p, ":")
		args, inside = append(args, "--publish", "127.0.0.1:"+p), append(inside, port)
	}
	image := func(version string) host.Image {
		return host.Image{Tag: s.name + ":" + version, Env: map[string]string{"PORT": inside[0], "ALSO": strings.Join(inside[1:], " "), "ECHO_VERSION": version}}
	}
	if err := h.BuildImages(ctx, image("v1"), image("v2")); err != nil {
		t.Fatal(err)
	}
	must(ctx, t, h, append(args, s.name+":v1")...)
	must(ctx, t, h, "rm", "-f", "/etc/nginx/sites-enabled/default")
	for name, text := range s.files {
		if err := h.WriteFile(ctx, "/etc/nginx/"+name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if site, ok := strings.CutPrefix(name, "sites-available/"); ok {
			must(ctx, t, h, "ln", "-sf", "../"+name, "/etc/nginx/sites-enabled/"+site)
		}
	}
	must(ctx, t, h, "nginx", "-t")
	reloadNginx(ctx, t, h)
	eventually(ctx, t, time.Minute, "all ports answer", func() bool {
		_, err := h.Run(ctx, append([]string{"curl", "-sf"}, s.urls...)...)
		return err == nil
	})
}

// read are the files as they are.
func (s portsShape) read(ctx context.Context, t *testing.T, h *host.Host) map[string]string {
	t.Helper()
	now := map[string]string{}
	for name := range s.files {
		now[name] = must(ctx, t, h, "cat", "/etc/nginx/"+name)
	}
	return now
}

// ask are the answers to GET and POST on every way in, less what differs between
// any two.
func (s portsShape) ask(ctx context.Context, t *testing.T, h *host.Host) map[string]string {
	t.Helper()
	answers := map[string]string{}
	for _, url := range s.urls {
		for _, method := range [][]string{{"-X", "GET"}, {"-d", "a=b"}} {
			answer := must(ctx, t, h, append([]string{"curl", "-si", "-H", "X-b: 1", url}, method...)...)
			for _, c := range changing {
				answer = c.ReplaceAllString(answer, "")
			}
			answers[url+" "+method[0]] = answer
		}
	}
	return answers
}

func (s portsShape) swap(ctx context.Context, t *testing.T, h *host.Host) {
	t.Helper()
	var loads []*host.Load
	for _, url := range s.urls {
		l, err := h.StartLoad(ctx, load.Options{URL: url, Rate: 40, PostBytes: 3000, Keepalive: len(loads)%2 == 0})
		if err != nil {
			t.Fatal(err)
		}
		loads = append(loads, l)
	}
	const swaps = 10
	for i := range swaps {
		must(ctx, t, h, "edgeman", "swap", s.name, []string{"v2", "v1"}[i%2])
	}
	var requests []int
	for i, l := range loads {
		r, err := l.Stop()
		if err != nil {
			t.Fatal(err)
		}
		requests = append(requests, r.Requests)
		if r.Failed > 0 || r.Versions["v1"] == 0 || r.Versions["v2"] == 0 {
			t.Errorf("%s: %d of %d requests failed: %q, answers by version %v", s.urls[i], r.Failed, r.Requests, r.Errors, r.Versions)
		}
	}
	if slices.Min(requests) < 100 {
		t.Errorf("too few requests for any claim: %v", requests)
	}
	t.Logf("%s: %d swaps, %v requests on its ways in, 0 failed", s.name, swaps, requests)
}

// One of the ports alone: the container runs on beside the app for the others.
func TestOneOfSeveralPorts(t *testing.T) {
	RunInTurn(t, 1, func(ctx context.Context, t *testing.T, h *host.Host) {
		s := portsShapes[0]
		Install(ctx, t, h)
		s.start(ctx, t, h)
		files, answers := s.read(ctx, t, h), s.ask(ctx, t, h)
		must(ctx, t, h, "edgeman", "adopt", "odoo", "--yes", "--only", "odoo", "--name", "web")
		if d := cmp.Diff(answers, s.ask(ctx, t, h)); d != "" {
			t.Errorf("after adopt (-before +after):\n%s", d)
		}
		must(ctx, t, h, "edgeman", "swap", "web", "v2")
		for i, want := range []string{"v2", "v1"} {
			if got := must(ctx, t, h, "curl", "-sf", s.urls[i]); !strings.Contains(got, `"version":"`+want+`"`) {
				t.Errorf("%s is answered by %s, want %s", s.urls[i], got, want)
			}
		}
		if problems := statusOf(ctx, t, h).Apps[0].Problems; len(problems) > 0 {
			t.Errorf("status: %v", problems)
		}
		must(ctx, t, h, "edgeman", "unadopt", "web", "--yes", "--to", "original")
		if d := cmp.Diff(files, s.read(ctx, t, h)); d != "" {
			t.Errorf("given back (-before +after):\n%s", d)
		}
		if d := cmp.Diff(answers, s.ask(ctx, t, h)); d != "" {
			t.Errorf("after giving back (-before +after):\n%s", d)
		}
	})
}
