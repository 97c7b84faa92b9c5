//go:build integration

package integration

import (
	"context"
	"strings"
	"testing"

	"edgeman/deployer/outcome"
	"edgeman/integration/host"
)

// adopt and release that are killed after any step they print lose no request,
// and repair completes or undoes them: in the end the site is either adopted or
// as it was, and nothing in between.
func TestAdoptAndReleaseKilledAtEveryStep(t *testing.T) {
	Run(t, func(ctx context.Context, t *testing.T, h *host.Host) {
		Install(ctx, t, h)
		plainApp(ctx, t, h)
		original := siteFile(ctx, t, h)
		must(ctx, t, h, "edgeman", "install")
		clients := startLoads(ctx, t, h, 80)
		for _, step := range []string{"socket", "start", "nginx", "drain"} {
			killAt(ctx, t, h, step, "edgeman", "adopt", "/etc/nginx/sites-available/myapp", "--yes")
			wantWhole(ctx, t, h, "adopt killed after "+step, original)
			_, _ = run(ctx, t, h, "edgeman", "unadopt", "myapp", "--yes")
			wantWhole(ctx, t, h, "release after that", original)
		}
		for _, step := range []string{"start", "nginx", "drain"} {
			must(ctx, t, h, "edgeman", "adopt", "/etc/nginx/sites-available/myapp", "--yes")
			killAt(ctx, t, h, step, "edgeman", "unadopt", "myapp", "--yes")
			wantWhole(ctx, t, h, "release killed after "+step, original)
		}
		if siteFile(ctx, t, h) == original {
			wantNothingLeft(ctx, t, h)
		}
		total := clients.stop(ctx, t, 4000)
		t.Logf("adopt killed at 4 steps, release at 3: %d requests, %d failed, %d resent at reloads, longest %v", total.Requests, total.Failed, len(total.Resent), total.Longest)
		if total.Failed > 0 {
			t.Errorf("%d of %d requests failed: %q", total.Failed, total.Requests, total.Errors)
		}
	})
}

// wantWhole repairs and checks that the site is adopted or as it was.
func wantWhole(ctx context.Context, t *testing.T, h *host.Host, when, original string) {
	t.Helper()
	code, out := run(ctx, t, h, "sh", "-c", "edgeman repair myapp 2>&1")
	t.Logf("%s; repair says (exit %d): %s", when, code, strings.TrimSpace(out))
	if code != outcome.ExitDone && code != outcome.ExitRefused {
		t.Errorf("%s: repair exits %d\n%s", when, code, out)
	}
	if now := siteFile(ctx, t, h); now == original {
		if s := statusOf(ctx, t, h); len(s.Apps) != 0 {
			t.Errorf("%s: the site is as it was, and status knows %+v", when, s.Apps)
		}
		return
	}
	wantOneContainer(ctx, t, h, when)
}
