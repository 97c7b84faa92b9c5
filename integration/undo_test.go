//go:build integration

package integration

import (
	"context"
	"testing"

	"edgeman/deployer/outcome"
	"edgeman/integration/host"
)

// An adoption that fails is undone whole, also where the old container had to
// be stopped for it, and whatever the operator mistyped.
func TestFailedAdoptIsUndone(t *testing.T) {
	tests := []struct {
		name, run string
		args      []string
	}{
		{"beside each other, wrong port", "", []string{"--port", "9999", "--allow-unproven"}},
		{"beside each other, wrong health path", "", []string{"--health", "/x?status=500"}},
		{"one after the other, wrong port", "-v data:/data", []string{"--port", "9999", "--allow-unproven"}},
		{"one after the other, wrong health path", "-v data:/data", []string{"--health", "/x?status=500"}},
		{"one after the other, second port", "-p 127.0.0.1:9100:8080", []string{"--health", "/x?status=500"}},
	}
	Run(t, func(ctx context.Context, t *testing.T, h *host.Host) {
		Install(ctx, t, h)
		plainApp(ctx, t, h)
		// A request that waits takes two connections, and one worker of nginx may take all.
		must(ctx, t, h, "sed", "-i", "s/worker_connections .*/worker_connections 4096;/", "/etc/nginx/nginx.conf")
		reloadNginx(ctx, t, h)
		must(ctx, t, h, "edgeman", "install")
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				must(ctx, t, h, "sh", "-c", "docker rm -f myapp >/dev/null 2>&1; docker run --detach --name myapp --restart always -p 127.0.0.1:8080:8080 "+tt.run+" myapp:v1")
				must(ctx, t, h, "curl", "-sf", "--retry", "60", "--retry-all-errors", "--retry-delay", "1", "http://127.0.0.1/")
				before := siteFile(ctx, t, h)
				clients := startLoads(ctx, t, h, 20)
				timeout := "3s"
				if tt.run != "" { // in which the old container has to be back, too
					timeout = "10s"
				}
				args := append([]string{"edgeman", "adopt", "/etc/nginx/sites-available/myapp", "--yes", "--timeout", timeout, "--drain", "5s"}, tt.args...)
				code, out := run(ctx, t, h, args...)
				if code != outcome.ExitFailed || !contains(out, "everything is as it was before") {
					t.Errorf("exit code %d, want %d and that it was undone:\n%s", code, outcome.ExitFailed, out)
				}
				if after := siteFile(ctx, t, h); after != before {
					t.Errorf("the site file is\n%s\nwas\n%s", after, before)
				}
				total := clients.stop(ctx, t, 100)
				t.Logf("%d requests, %d failed, longest wait %v", total.Requests, total.Failed, total.Longest)
				if total.Failed > 0 {
					t.Errorf("%d of %d requests failed: %q", total.Failed, total.Requests, total.Errors)
				}
				wantNothingLeft(ctx, t, h)
			})
		}
	})
}

// A site that uses the same address would fail once it is gone: adopt names it
// and stops, or takes it over as well.
func TestOtherSitesAreNotCutOff(t *testing.T) {
	Run(t, func(ctx context.Context, t *testing.T, h *host.Host) {
		Install(ctx, t, h)
		plainApp(ctx, t, h)
		other := "server {\n    listen 81;\n    location / {\n        proxy_pass http://127.0.0.1:8080;\n    }\n}\n"
		must(ctx, t, h, "sh", "-c", "printf '%s' '"+other+"' >/etc/nginx/sites-available/other && ln -s ../sites-available/other /etc/nginx/sites-enabled/")
		reloadNginx(ctx, t, h)
		before := siteFile(ctx, t, h)
		code, out := run(ctx, t, h, "edgeman", "adopt", "/etc/nginx/sites-available/myapp", "--yes")
		if code != outcome.ExitRefused || !contains(out, "/etc/nginx/sites-available/other:4") || !contains(out, "--everywhere") {
			t.Errorf("exit code %d, want %d with the other site's file and line, and the way out:\n%s", code, outcome.ExitRefused, out)
		}
		if siteFile(ctx, t, h) != before {
			t.Error("the site file was changed")
		}
		must(ctx, t, h, "edgeman", "adopt", "/etc/nginx/sites-available/myapp", "--yes", "--everywhere")
		for _, port := range []string{"80", "81"} {
			must(ctx, t, h, "curl", "-sf", "http://127.0.0.1:"+port+"/")
		}
		must(ctx, t, h, "edgeman", "unadopt", "myapp", "--yes")
		if got := must(ctx, t, h, "cat", "/etc/nginx/sites-available/other") + "\n"; got != other {
			t.Errorf("the other site was given back as\n%s", got)
		}
	})
}
