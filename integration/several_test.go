//go:build integration

package integration

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"edgeman/integration/host"
)

const severalSite = `upstream shop {
    server 127.0.0.1:8081;
}
server {
    listen 80 default_server;
    location / {
        proxy_pass http://shop;
    }
    location /api/ {
        proxy_pass http://127.0.0.1:8082/v1/;
        proxy_set_header X-Tier api;
    }
    location /legacy/ {
        proxy_pass http://127.0.0.1:9999;
    }
}
`

// A site with several targets becomes several apps: those that are containers
// are taken, the rest stays and is said. They are given back one by one, in
// another order, and the file ends as it began.
func TestSiteWithSeveralTargets(t *testing.T) {
	Run(t, func(ctx context.Context, t *testing.T, h *host.Host) {
		Install(ctx, t, h)
		plainApp(ctx, t, h)
		must(ctx, t, h, "sh", "-c", `docker rm -f myapp
			docker run --detach --name shop --restart always -p 127.0.0.1:8081:8080 myapp:v1
			docker run --detach --name tier --restart always -p 127.0.0.1:8082:8080 myapp:v2`)
		site(ctx, t, h, "myapp", severalSite)
		before := siteFile(ctx, t, h)
		for _, path := range []string{"/", "/api/x?y=1"} {
			eventually(ctx, t, time.Minute, path+" answers", func() bool {
				_, err := h.Run(ctx, "curl", "-sf", "http://127.0.0.1"+path)
				return err == nil
			})
		}
		seen := heads(ctx, t, h)

		var plan struct {
			Apps []struct{ App, Target, Class, Diff string }
			Left []struct{ Target, Reason string }
		}
		out := must(ctx, t, h, "edgeman", "adopt", "/etc/nginx/sites-available/myapp", "--dry-run", "--json", "--name", "127.0.0.1:8082=api")
		if err := json.Unmarshal([]byte(out), &plan); err != nil {
			t.Fatal(err)
		}
		if len(plan.Apps) != 2 || plan.Apps[0].App != "shop" || plan.Apps[0].Class != "A" || plan.Apps[1].App != "api" || plan.Apps[1].Class != "C" {
			t.Errorf("plan %+v, want shop by class A and api by class C", plan.Apps)
		}
		if len(plan.Left) != 1 || plan.Left[0].Target != "127.0.0.1:9999" || !strings.Contains(plan.Left[0].Reason, "no running container") {
			t.Errorf("left %+v, want 127.0.0.1:9999 with the reason", plan.Left)
		}
		if siteFile(ctx, t, h) != before {
			t.Error("a dry run changed the site file")
		}

		must(ctx, t, h, "edgeman", "adopt", "/etc/nginx/sites-available/myapp", "--yes", "--name", "127.0.0.1:8082=api")
		if got := heads(ctx, t, h); got != seen {
			t.Errorf("the apps see\n%s\nbefore they saw\n%s", got, seen)
		}
		must(ctx, t, h, "edgeman", "swap", "api", "v1")
		if got := must(ctx, t, h, "curl", "-s", "http://127.0.0.1/api/x?y=1"); !contains(got, `"version":"v1"`) || !contains(got, `"uri":"/v1/x?y=1"`) {
			t.Errorf("after the swap /api/ answers %s", got)
		}
		must(ctx, t, h, "edgeman", "unadopt", "shop", "--yes")
		must(ctx, t, h, "edgeman", "unadopt", "api", "--yes", "--to", "original")
		if after := siteFile(ctx, t, h); after != before {
			t.Errorf("given back as\n%s\nwas\n%s", after, before)
		}
		if got := heads(ctx, t, h); got != seen {
			t.Errorf("after release the apps see\n%s\nbefore they saw\n%s", got, seen)
		}
	})
}

// heads are the request heads as the apps behind the site receive them.
func heads(ctx context.Context, t *testing.T, h *host.Host) string {
	t.Helper()
	var all strings.Builder
	for _, path := range []string{"/", "/api/x?y=1"} {
		var a struct{ Version, Head string }
		if err := json.Unmarshal([]byte(must(ctx, t, h, "curl", "-s", "http://127.0.0.1"+path)), &a); err != nil {
			t.Fatal(err)
		}
		all.WriteString(a.Version + " " + a.Head)
	}
	return all.String()
}
