//go:build integration

package integration

import (
	"context"
	"testing"

	"edgeman/integration/host"
)

// check is silent on a healthy host, also while a swap is under way, and says
// what is wrong on one that is not.
func TestCheckOnTheHost(t *testing.T) {
	Run(t, func(ctx context.Context, t *testing.T, h *host.Host) {
		adopted(ctx, t, h)
		if code, out := run(ctx, t, h, "edgeman", "check", "--quiet"); code != 0 || out != "" {
			t.Errorf("a healthy host: exit %d\n%s", code, out)
		}
		swap := h.Exec(ctx, "edgeman", "swap", "myapp", "v2")
		if err := swap.Start(); err != nil {
			t.Fatal(err)
		}
		if code, out := run(ctx, t, h, "edgeman", "check", "--quiet"); code != 0 || out != "" {
			t.Errorf("while a swap is under way: exit %d\n%s", code, out)
		}
		if err := swap.Wait(); err != nil {
			t.Fatal(err)
		}
		tests := []struct{ name, breaks, mends, code string }{
			{"a drifted site", "cp -p /etc/nginx/sites-available/myapp /root/myapp && sed -i 's/unix:[^;]*live[^;]*sock;/127.0.0.1:8080;/' /etc/nginx/sites-available/myapp", "cp -p /root/myapp /etc/nginx/sites-available/myapp", "conf-drift"},
			{"a broken configuration", "echo 'nonsense;' >/etc/nginx/conf.d/x.conf", "rm /etc/nginx/conf.d/x.conf", "nginx-config-invalid"},
			{"a slot that nobody listens for", "systemctl stop edgeman@myapp:green.socket edgeman@myapp:green.service", "systemctl start edgeman@myapp:green.socket edgeman@myapp:green.service", "socket-inactive"},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				must(ctx, t, h, "sh", "-c", tt.breaks)
				code, out := run(ctx, t, h, "edgeman", "check")
				if code == 0 || !contains(out, tt.code) {
					t.Errorf("exit %d, want a finding %s:\n%s", code, tt.code, out)
				}
				must(ctx, t, h, "sh", "-c", tt.mends)
			})
		}
	})
}
