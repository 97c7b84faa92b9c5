package nginxconf

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestTargets(t *testing.T) {
	m := siteFS(`upstream api { server 127.0.0.1:8081; keepalive 4; }
server {
    server_name example.com;
    resolver 127.0.0.1;
    set $proto https;
    location / { proxy_pass http://127.0.0.1:8080; }
    location /l { proxy_pass http://localhost:8080/x; }
    location /api { proxy_pass http://api; }
    location /v { set $a 10.0.0.9; set $p 8443; proxy_pass $proto://$a:$p; }
    location /php { fastcgi_pass php:9000; }
    location /s { proxy_pass http://unix:/run/x.sock; }
    location /o { proxy_pass http://$arg_x; }
    location /d { proxy_pass http://[::1]; }
}
`)
	m["/etc/nginx/sites-enabled/other"] = "server { location / { proxy_pass http://localhost:8080; } location /a { proxy_pass http://api; } location /z { proxy_pass http://127.0.0.1:7; } }\n"
	c := mustLoad(t, m)
	targets, err := c.Targets(sitePath)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, tg := range targets {
		got = append(got, fmt.Sprintf("%s %v %s %s %s keepalive=%v uses=%d elsewhere=%d refused=%v",
			tg.Address, tg.Addr, tg.Upstream, tg.Class, tg.Protocol, tg.Keepalive, len(tg.Uses), len(tg.Elsewhere), tg.Refusal != nil))
	}
	want := []string{
		"127.0.0.1:8080 127.0.0.1:8080  C http keepalive=false uses=2 elsewhere=1 refused=false",
		"127.0.0.1:8081 127.0.0.1:8081 api A http keepalive=true uses=2 elsewhere=0 refused=false",
		"10.0.0.9:8443 10.0.0.9:8443  C https keepalive=false uses=1 elsewhere=0 refused=false",
		"php:9000 invalid AddrPort  A fastcgi keepalive=false uses=1 elsewhere=0 refused=false",
		"unix:/run/x.sock invalid AddrPort  C http keepalive=false uses=1 elsewhere=0 refused=true",
		"http://$arg_x invalid AddrPort   http keepalive=false uses=1 elsewhere=0 refused=true",
		"[::1]:80 [::1]:80  C http keepalive=false uses=1 elsewhere=0 refused=false",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
	if in := targets[0].Uses[1].In; in != "server example.com, location /l" {
		t.Errorf("place %q", in)
	}
}

// TestAppsOfOneSite takes two apps of one site over, one after the other, and
// gives them back in both orders.
func TestAppsOfOneSite(t *testing.T) {
	site := `# the site
server {
    location / { proxy_pass http://127.0.0.1:8080; }
    location /api {
        proxy_pass http://127.0.0.1:8081;
    }
}
`
	for _, order := range [][]int{{0, 1}, {1, 0}} {
		m := siteFS(site)
		var done []FileEdit
		for i, name := range []string{"web", "api"} {
			c := mustLoad(t, m)
			targets, err := c.Targets(sitePath)
			if err != nil {
				t.Fatal(err)
			}
			o := testOptions
			o.App, o.Socket = name, "/run/"+name
			k := slices.IndexFunc(targets, func(tg Target) bool { return tg.Address == fmt.Sprintf("127.0.0.1:%d", 8080+i) })
			p, err := c.Plan(o, targets[k])
			if err != nil {
				t.Fatal(err)
			}
			m[sitePath] = string(p.Files[0].After)
			done = append(done, p.Files[0])
		}
		current := []byte(m[sitePath])
		for _, i := range order {
			var err error
			if current, err = done[i].Revert(current); err != nil {
				t.Fatalf("order %v: %v", order, err)
			}
		}
		if string(current) != site {
			t.Errorf("order %v: got\n%s", order, current)
		}
	}
}

// TestRevertAfterChanges takes an edit back from files that were changed since.
func TestRevertAfterChanges(t *testing.T) {
	p, err := planSite(t, siteFS("upstream a {\n    server 127.0.0.1:8080;\n    keepalive 4;\n}\nserver {\n    location / { proxy_pass http://a; }\n}\n"), testOptions)
	if err != nil {
		t.Fatal(err)
	}
	fe := p.Files[0]
	const sock = "server unix:/var/lib/edgeman/apps/myapp/live.sock;"
	const idle = "    keepalive_time 5s; keepalive_timeout 4s; # edgeman\n"
	tests := []struct{ name, current, want string }{
		{
			"new lines around", "# top\nupstream a {\n    # note\n    " + sock + "\n    keepalive 4;\n" + idle + "    zone a 64k;\n}\nserver {\n    listen 81;\n    location / { proxy_pass http://a; }\n}\n",
			"# top\nupstream a {\n    # note\n    server 127.0.0.1:8080;\n    keepalive 4;\n    zone a 64k;\n}\nserver {\n    listen 81;\n    location / { proxy_pass http://a; }\n}\n",
		},
		{
			"edited line changed", "upstream a {\n    " + sock + " # mine\n    keepalive 4;\n" + idle + "}\nserver {\n    location / { proxy_pass http://a; }\n}\n",
			"upstream a {\n    server 127.0.0.1:8080; # mine\n    keepalive 4;\n}\nserver {\n    location / { proxy_pass http://a; }\n}\n",
		},
		{"edit changed", "upstream a {\n    server unix:/run/mine.sock;\n    keepalive 4;\n" + idle + "}\nserver {\n    location / { proxy_pass http://a; }\n}\n", ""},
		{"block removed", "server {\n    location / { return 204; }\n}\n", ""},
		{"reverted by hand", string(fe.Before), string(fe.Before)},
		{"empty", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := fe.Revert([]byte(tt.current))
			if (err != nil) != (tt.want == "") || string(got) != tt.want {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	fe.Before = []byte("other")
	if _, err := fe.Revert(fe.After); err == nil {
		t.Error("a damaged edit was accepted")
	}
}

func TestServersOfOneApp(t *testing.T) {
	c := mustLoad(t, siteFS("upstream a {\n    server 127.0.0.1:8080 weight=2;\n    server 127.0.0.1:8081;\n    server 127.0.0.1:9000 backup;\n}\nserver { location / { proxy_pass http://a; } }\n"))
	targets, err := c.Targets(sitePath)
	if err != nil || len(targets) != 3 {
		t.Fatal(targets, err)
	}
	o := testOptions
	if _, err := c.Plan(o, targets[0]); err == nil {
		t.Error("one of two servers was taken over")
	}
	o.Partial = true
	if p, err := c.Plan(o, targets[0]); err != nil || len(p.Files[0].Edits) != 1 {
		t.Errorf("partial: %v", err)
	}
	o.Partial = false
	if p, err := c.Plan(o, targets[:2]...); err != nil || len(p.Files[0].Edits) != 4 {
		t.Errorf("together: %v", err)
	}
}

func TestEverywhere(t *testing.T) {
	m := siteFS("server { location / { proxy_pass http://127.0.0.1:8080; } }\n")
	m["/etc/nginx/sites-enabled/other"] = "server { location / { proxy_pass http://localhost:8080; } }\n"
	c := mustLoad(t, m)
	targets, err := c.Targets(sitePath)
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Plan(testOptions, targets[0])
	if err != nil || len(p.Files) != 1 || len(p.Stays) != 1 {
		t.Errorf("%v, %v", p, err)
	}
	o := testOptions
	o.Everywhere = true
	if p, err = c.Plan(o, targets[0]); err != nil || len(p.Files) != 2 {
		t.Errorf("%v, %v", p, err)
	}
}

// TestStays tells what else goes to the address, by whatever means.
func TestStays(t *testing.T) {
	tests := []struct{ name, other, want string }{
		{"literal", "http { include site; server { location / { proxy_pass http://localhost:8080; } } }", "proxy_pass http://localhost:8080 (server, location /) still goes to localhost:8080"},
		{"set in two ways", "http { include site; server { set $b http://127.0.0.1:8080; if ($cookie_beta) { set $b http://127.0.0.1:8081; } location / { proxy_pass $b; } } }", "proxy_pass $b (server, location /) still goes to 127.0.0.1:8080"},
		{"map that is not constant", "http { include site; map $host $b { a localhost:8080; default $host; } server { location / { proxy_pass http://$b$uri; } } }", "can get localhost:8080 from a variable"},
		{"set of another address", "http { include site; server { set $b 127.0.0.1:1; if ($cookie_beta) { set $b 127.0.0.1:2; } location / { proxy_pass http://$b; } } }", ""},
		{"set in another server", "http { include site; server { set $b 127.0.0.1:8080; return 204; } server { location / { proxy_pass http://$b; } } }", ""},
		{"mail", "http { include site; } mail { auth_http localhost:8080/auth; }", "auth_http localhost:8080/auth still goes there"},
		{"RTMP", "http { include site; } rtmp { server { application a { on_publish http://localhost:8080/a; } } }", "on_publish http://localhost:8080/a still goes there"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := mustLoad(t, memFS{"/etc/nginx/nginx.conf": tt.other, "/etc/nginx/site": "upstream a { server 127.0.0.1:8080; } server { location / { proxy_pass http://a; } }"})
			targets, err := c.Targets("/etc/nginx/site")
			if err != nil {
				t.Fatal(err)
			}
			p, err := c.Plan(testOptions, targets[0])
			if err != nil {
				t.Fatal(err)
			}
			if len(p.Stays) > 1 || (len(p.Stays) == 1) != (tt.want != "") || tt.want != "" && !strings.Contains(p.Stays[0].Text, tt.want) {
				t.Errorf("%v, want %q", p.Stays, tt.want)
			}
		})
	}
}
