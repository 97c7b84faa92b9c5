package nginxconf

import (
	"errors"
	"strings"
	"testing"
)

// FuzzPlan plans every target of an arbitrary site. A plan must be proven,
// must be revertible, and must not touch anything outside its edits; the
// planner must not fail in its own proof.
func FuzzPlan(f *testing.F) {
	for _, b := range behaviours {
		f.Add(strings.NewReplacer("FRONT", "80", "APP", "127.0.0.1:8080", "PORT", "8080", "DIR", "/d").Replace(b.site))
	}
	for _, s := range []string{
		"upstream a{server [::1]:8080;server 127.0.0.1:8080;keepalive 3;}server{location/{proxy_pass http://a;}}",
		"server{location / {proxy_pass http://127.0.0.1:8080/$1;proxy_redirect default;if($a){proxy_pass http://127.0.0.1:8080;}}}",
		"map $a $b{default 127.0.0.1:8080;hostnames;}server{location /{proxy_pass http://$b/;}}server{set $c http;location /{proxy_pass ${c}://$b;}}",
		"upstream a{server 127.0.0.1:1;server \"127.0.0.1:2\"max_fails=2;server localhost:1 backup;}server{location /{proxy_pass http://a;}}",
		"server{proxy_set_header Host ${proxy_host}x;location /{proxy_pass http://127.0.0.1:8080;location /a{proxy_pass http://localhost:8080;}}}",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, site string) {
		if strings.HasPrefix(site, "-> ") {
			return
		}
		c, err := Load(siteFS(site), "/etc/nginx/nginx.conf")
		if err != nil {
			return
		}
		c.Locate(twoLocalhosts)
		targets, err := c.Targets(sitePath)
		if err != nil {
			t.Fatal(err)
		}
		for _, app := range c.Together(targets) {
			for _, v := range []Version{{1, 18, 0}, {1, 30, 0}} {
				o := testOptions
				o.NginxVersion, o.Partial, o.Everywhere = v, true, true
				p, err := c.Plan(o, app...)
				var r *Refusal
				if errors.As(err, &r) {
					if strings.Contains(r.Hint(), "please report") {
						t.Fatalf("%q: %v", site, err)
					}
					continue
				}
				if p.Diff() == "" {
					t.Fatalf("%q: an empty plan", site)
				}
				checkRevert(t, p)
			}
		}
	})
}

// FuzzRevert takes edits back from an arbitrary file: the result is either a
// refusal or holds nothing of the edit.
func FuzzRevert(f *testing.F) {
	f.Add("upstream a {\n server unix:/var/lib/edgeman/apps/myapp/live.sock;\n}\n")
	f.Add("# x\nupstream a {\n server unix:/var/lib/edgeman/apps/myapp/live.sock; # y\n}\n")
	c, err := Load(siteFS("upstream a {\n server 127.0.0.1:8080;\n keepalive 3;\n}\nserver { location / { proxy_pass http://a; } }\n"), "/etc/nginx/nginx.conf")
	if err != nil {
		f.Fatal(err)
	}
	targets, err := c.Targets(sitePath)
	if err != nil {
		f.Fatal(err)
	}
	p, err := c.Plan(testOptions, targets[0])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(p.Files[0].After))
	f.Fuzz(func(t *testing.T, current string) {
		fe := p.Files[0]
		out, err := fe.Revert([]byte(current))
		if err != nil {
			return
		}
		if current != string(fe.Before) && strings.Count(string(out), testOptions.Socket) >= strings.Count(current, testOptions.Socket) {
			t.Errorf("%q still holds the edit after revert: %q", current, out)
		}
	})
}
