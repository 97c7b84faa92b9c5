//go:build integration

package integration

import (
	"context"
	"encoding/json"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"edgeman/integration/host"
)

const literalSite = `server {
	listen 80 default_server;
	client_max_body_size 100m;
	location / {
		proxy_pass http://127.0.0.1:8080;
		proxy_set_header Host $host;
		proxy_set_header X-Real-IP $remote_addr;
	}
}
`

// requests are sent word for word; what comes back, and what the app says it
// received, must not change when the site is adopted.
var requests = map[string]string{
	"headers in order and case": "GET /a%2Fb/../c?x=1&y=%20 HTTP/1.1\r\nHost: Example.Test\r\nX-b: 1\r\nx-A: 2\r\nX-b: 3\r\nAccept: */*\r\nConnection: close\r\n\r\n",
	"post":                      "POST /form HTTP/1.1\r\nHost: example.test\r\nContent-Length: 11\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nhello world",
	"chunked":                   "POST /up HTTP/1.1\r\nHost: example.test\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
	"head":                      "HEAD /x HTTP/1.1\r\nHost: example.test\r\nConnection: close\r\n\r\n",
	"unusual status":            "DELETE /x?status=409 HTTP/1.1\r\nHost: example.test\r\nConnection: close\r\n\r\n",
	"old protocol":              "GET /old HTTP/1.0\r\n\r\n",
	"long answer":               "GET /y?bytes=200000 HTTP/1.1\r\nHost: example.test\r\nConnection: close\r\n\r\n",
	"events":                    "GET /events?every=1ms&count=1 HTTP/1.1\r\nHost: example.test\r\nConnection: close\r\n\r\n",
}

// The app and the client see the same before and after adopt, for a named
// upstream and for a literal address; only the peer changes, to one that is
// neither loopback nor the app's own address. Over the bridge it stays.
func TestNothingButThePeerChanges(t *testing.T) {
	for name, conf := range map[string]string{"upstream": plainSite, "keepalive": keepaliveSite, "literal": literalSite} {
		t.Run(name, func(t *testing.T) {
			Run(t, func(ctx context.Context, t *testing.T, h *host.Host) {
				Install(ctx, t, h)
				plainApp(ctx, t, h)
				site(ctx, t, h, "myapp", conf)
				before := exchange(ctx, t, h)
				peer, _ := peers(ctx, t, h)
				for _, via := range []string{"netns", "bridge"} {
					must(ctx, t, h, "edgeman", "adopt", "/etc/nginx/sites-available/myapp", "--yes", "--via", via)
					if d := cmp.Diff(before, exchange(ctx, t, h)); d != "" {
						t.Errorf("via %s (-before +after):\n%s", via, d)
					}
					got, local := peers(ctx, t, h)
					if via == "bridge" && got != peer {
						t.Errorf("via bridge the app sees peer %s, before it saw %s", got, peer)
					}
					if got.IsLoopback() || got == local {
						t.Errorf("via %s the app sees %s at %s: every visitor would count as local", via, got, local)
					}
					must(ctx, t, h, "edgeman", "unadopt", "myapp", "--yes")
				}
				if d := cmp.Diff(before, exchange(ctx, t, h)); d != "" {
					t.Errorf("after release (-before +after):\n%s", d)
				}
			})
		})
	}
}

var changing = []*regexp.Regexp{
	regexp.MustCompile(`(?m)^Date: .*$`),
	regexp.MustCompile(`"peer":"[^"]*","local":"[^"]*"`),
	regexp.MustCompile(`(?m)^Content-Length: .*$`), // the peer's address has a length
	regexp.MustCompile(`(?m)^[0-9a-f]+\r$`),        // as a chunk's size shows
}

// exchange sends every request and returns the whole answers, less what differs
// between any two requests.
func exchange(ctx context.Context, t *testing.T, h *host.Host) map[string]string {
	t.Helper()
	answers := map[string]string{}
	for name, request := range requests {
		if err := h.WriteFile(ctx, "/tmp/request", []byte(request), 0o600); err != nil {
			t.Fatal(err)
		}
		answer := must(ctx, t, h, "bash", "-c", `exec 3<>/dev/tcp/127.0.0.1/80; cat /tmp/request >&3; timeout 20 cat <&3`)
		for _, c := range changing {
			answer = c.ReplaceAllString(answer, "")
		}
		answers[name] = answer
	}
	return answers
}

// peers are the two ends of the app's connection, as the app sees them.
func peers(ctx context.Context, t *testing.T, h *host.Host) (peer, local netip.Addr) {
	t.Helper()
	var a struct{ Peer, Local string }
	if err := json.Unmarshal([]byte(must(ctx, t, h, "curl", "-s", "http://127.0.0.1/")), &a); err != nil {
		t.Fatal(err)
	}
	return netip.MustParseAddrPort(a.Peer).Addr(), netip.MustParseAddrPort(a.Local).Addr()
}

// The file that adopt leaves differs from the original in the planned bytes
// only, and owner, mode and symlink stay.
func TestSiteFileKeepsEverythingElse(t *testing.T) {
	Run(t, func(ctx context.Context, t *testing.T, h *host.Host) {
		Install(ctx, t, h)
		plainApp(ctx, t, h)
		odd := "# été\t \r\n" + strings.ReplaceAll(keepaliveSite, "keepalive 16;", "keepalive 16;   \t# tuned") + "\n\n# no newline at the end"
		site(ctx, t, h, "myapp", odd)
		must(ctx, t, h, "sh", "-c", "chown daemon:adm /etc/nginx/sites-available/myapp && chmod 640 /etc/nginx/sites-available/myapp")
		reloadNginx(ctx, t, h)
		before := siteFile(ctx, t, h)
		must(ctx, t, h, "edgeman", "adopt", "/etc/nginx/sites-enabled/myapp", "--yes")
		want := strings.Replace(before, "server 127.0.0.1:8080;", "server unix:/var/lib/edgeman/apps/myapp/live/8080.sock;", 1)
		added := regexp.MustCompile(`(?m)^\t(keepalive_time 5s; )?keepalive_timeout 4s; # edgeman\n`)
		after := siteFile(ctx, t, h)
		if n := len(added.FindAllString(after, -1)); n != 1 {
			t.Errorf("%d marked lines were added, want 1", n)
		}
		if d := cmp.Diff(want, added.ReplaceAllString(after, "")); d != "" {
			t.Errorf("more than planned has changed (-want +got):\n%s", d)
		}
		must(ctx, t, h, "edgeman", "unadopt", "myapp", "--yes")
		if d := cmp.Diff(before, siteFile(ctx, t, h)); d != "" {
			t.Errorf("after release (-before +after):\n%s", d)
		}
	})
}
