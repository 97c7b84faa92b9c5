//go:build integration

package integration

import (
	"context"
	"strings"
	"testing"

	"edgeman/deployer/outcome"
	"edgeman/integration/host"
)

// An app that writes to a volume is never run twice at the same time: adopt and
// swap stop the old container first, requests wait, and the data stay.
func TestVolumeIsNeverSharedByTwo(t *testing.T) {
	Run(t, func(ctx context.Context, t *testing.T, h *host.Host) {
		Install(ctx, t, h)
		plainApp(ctx, t, h)
		must(ctx, t, h, "sh", "-c", `docker rm -f myapp; docker run --detach --name myapp --restart always -p 127.0.0.1:8080:8080 -p 127.0.0.1:9100:8080 -v data:/data myapp:v1
			sed -i 's/worker_connections .*/worker_connections 4096;/' /etc/nginx/nginx.conf`)
		reloadNginx(ctx, t, h)
		must(ctx, t, h, "curl", "-sf", "--retry", "60", "--retry-all-errors", "--retry-delay", "1", "-X", "PUT", "http://127.0.0.1/file?path=/data/x&text=kept")
		most := watchVolume(ctx, t, h)
		clients := startLoads(ctx, t, h, 60)
		out := must(ctx, t, h, "sh", "-c", "edgeman adopt /etc/nginx/sites-available/myapp --yes 2>&1")
		if !strings.Contains(out, "requests will wait") || !strings.Contains(out, "/data") {
			t.Errorf("adopt does not say that and why it stops first:\n%s", out)
		}
		for _, tag := range []string{"v2", "v1"} {
			before := must(ctx, t, h, "docker", "ps", "--quiet", "--filter", "volume=data")
			must(ctx, t, h, "edgeman", "swap", "myapp", tag)
			if after := must(ctx, t, h, "docker", "ps", "--quiet", "--filter", "volume=data"); strings.Contains(after, "\n") || after == before {
				t.Errorf("containers with the volume after the swap: %q, before: %q", after, before)
			}
		}
		must(ctx, t, h, "edgeman", "unadopt", "myapp", "--yes")
		total := clients.stop(ctx, t, 1000)
		if n := most(); n != "1" {
			t.Errorf("up to %s containers with the volume ran at the same time", n)
		}
		t.Logf("adopt, two swaps and release, stopping first: %d requests, %d failed, longest wait %v", total.Requests, total.Failed, total.Longest)
		if total.Failed > 0 {
			t.Errorf("%d of %d requests failed: %q", total.Failed, total.Requests, total.Errors)
		}
		if got := must(ctx, t, h, "curl", "-s", "http://127.0.0.1/file?path=/data/x"); got != "kept" {
			t.Errorf("after release the volume holds %q", got)
		}
	})
}

// watchVolume counts the running containers that have the volume, again and
// again; the function that it returns ends that and tells the most it has seen.
func watchVolume(ctx context.Context, t *testing.T, h *host.Host) func() string {
	t.Helper()
	must(ctx, t, h, "touch", "/tmp/watch")
	var out strings.Builder
	watch := h.Exec(ctx, "sh", "-c", `most=0; while [ -e /tmp/watch ]; do n=$(docker ps --quiet --filter volume=data | wc -l); [ "$n" -le $most ] || most=$n; done; echo $most`)
	watch.Stdout = &out
	if err := watch.Start(); err != nil {
		t.Fatal(err)
	}
	return func() string {
		must(ctx, t, h, "rm", "/tmp/watch")
		if err := watch.Wait(); err != nil {
			t.Error(err)
		}
		return strings.TrimSpace(out.String())
	}
}

// What adopt must not touch is refused with exit code 3, with the reason, and
// with nothing changed.
func TestAdoptRefuses(t *testing.T) {
	tests := []struct {
		name, prepare string
		args          []string
		want          []string
	}{
		{"a broken configuration", "echo 'nonsense;' >/etc/nginx/conf.d/x.conf", nil, []string{"unknown directive", "/etc/nginx/conf.d/x.conf:1"}},
		{"edits that are not live yet", "sleep 1; echo '# later' >/etc/nginx/conf.d/x.conf", nil, []string{"/etc/nginx/conf.d", "--reload-pending"}},
		{"data in the writable layer", "curl -sf -X PUT 'http://127.0.0.1/file?path=/precious&text=1'", nil, []string{"/precious", "--allow-writable-layer"}},
		{"no container behind it", "docker rm -f myapp", nil, []string{"no running container", "127.0.0.1:8080"}},
		{"a site that is not enabled", "cp /etc/nginx/sites-available/myapp /root/other", []string{"/root/other"}, []string{"not part of the configuration"}},
		{"a name that is none", "", []string{"--name", "../x"}, []string{"app name"}},
	}
	Run(t, func(ctx context.Context, t *testing.T, h *host.Host) {
		Install(ctx, t, h)
		plainApp(ctx, t, h)
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				if tt.prepare != "" {
					must(ctx, t, h, "sh", "-c", tt.prepare)
				}
				before := siteFile(ctx, t, h)
				args := []string{"edgeman", "adopt"}
				if len(tt.args) == 0 || !strings.HasPrefix(tt.args[0], "/") {
					args = append(args, "/etc/nginx/sites-available/myapp")
				}
				code, out := run(ctx, t, h, append(append(args, tt.args...), "--yes")...)
				if want := map[bool]int{true: outcome.ExitUsage, false: outcome.ExitRefused}[tt.name == "a name that is none"]; code != want {
					t.Errorf("exit code %d, want %d", code, want)
				}
				for _, want := range tt.want {
					if !strings.Contains(out, want) {
						t.Errorf("output lacks %q:\n%s", want, out)
					}
				}
				if siteFile(ctx, t, h) != before {
					t.Error("the site file was changed")
				}
				if left := must(ctx, t, h, "sh", "-c", "ls /var/lib/edgeman/apps 2>/dev/null; systemctl list-units --all --plain --no-legend 'edgeman@*'"); left != "" {
					t.Errorf("left behind: %s", left)
				}
				// As before for the next case.
				must(ctx, t, h, "sh", "-c", `rm -f /etc/nginx/conf.d/x.conf; docker rm -f myapp >/dev/null 2>&1
					docker run --detach --name myapp --restart always -p 127.0.0.1:8080:8080 myapp:v1`)
				reloadNginx(ctx, t, h)
			})
		}
	})
}
