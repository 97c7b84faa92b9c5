package nginxconf

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// planSite plans the first target of a site.
func planSite(t *testing.T, m memFS, o Options) (*Plan, error) {
	t.Helper()
	c := mustLoad(t, m)
	targets, err := c.Targets(sitePath)
	if err != nil {
		t.Fatal(err)
	}
	if len(targets) == 0 {
		t.Fatal("no targets")
	}
	return c.Plan(o, targets[0])
}

func TestPlanDiff(t *testing.T) {
	tests := []struct {
		name, site, want string
		options          func(*Options)
	}{
		{
			name: "named upstream",
			site: "upstream my_app {\n    server 127.0.0.1:8080;\n}\nserver { location / { proxy_pass http://my_app; } }\n",
			want: "@@ upstream my_app\n-    server 127.0.0.1:8080;\n+    server unix:/var/lib/edgeman/apps/myapp/live.sock;\n",
		},
		{
			name: "parameters, quotes and comments stay",
			site: "upstream my_app{server \"localhost:8080\"  weight=2 fail_timeout=0; # the app\n}\nserver { location / { proxy_pass http://MY_APP/x; } }",
			want: "@@ upstream my_app\n-upstream my_app{server \"localhost:8080\"  weight=2 fail_timeout=0; # the app\n" +
				"+upstream my_app{server \"unix:/var/lib/edgeman/apps/myapp/live.sock\"  weight=2 fail_timeout=0; # the app\n",
		},
		{
			name: "keepalive",
			site: "upstream a {\n\tserver 127.0.0.1:8080;\n\tkeepalive 16; # many\n}\nserver { location / { proxy_pass http://a; } }",
			want: "@@ upstream a\n-\tserver 127.0.0.1:8080;\n+\tserver unix:/var/lib/edgeman/apps/myapp/live.sock;\n" +
				"+\tkeepalive_time 5s; keepalive_timeout 4s; # edgeman\n",
		},
		{
			name: "keepalive on one line",
			site: "upstream a { server 127.0.0.1:8080; keepalive 16; }\nserver { location / { proxy_pass http://a; } }",
			want: "@@ upstream a\n-upstream a { server 127.0.0.1:8080; keepalive 16; }\n" +
				"+upstream a { server unix:/var/lib/edgeman/apps/myapp/live.sock; keepalive 16;\n" +
				"+keepalive_time 5s; keepalive_timeout 4s; # edgeman\n+ }\n",
		},
		{
			name: "keepalive set by the operator",
			site: "upstream a {\n  server 127.0.0.1:8080;\n  keepalive 16;\n  keepalive_time 1h;\n}\nserver { location / { proxy_pass http://a; } }",
			want: "@@ upstream a\n-  server 127.0.0.1:8080;\n+  server unix:/var/lib/edgeman/apps/myapp/live.sock;\n" +
				"+  keepalive_timeout 4s; # edgeman\n",
		},
		{
			name:    "keepalive by default",
			site:    "upstream a {\n  server 127.0.0.1:8080;\n}\nserver { location / { proxy_pass http://a; } }",
			options: func(o *Options) { o.NginxVersion = Version{1, 30, 0} },
			want: "@@ upstream a\n-  server 127.0.0.1:8080;\n+  server unix:/var/lib/edgeman/apps/myapp/live.sock;\n" +
				"+  keepalive_time 5s; keepalive_timeout 4s; # edgeman\n",
		},
		{
			name: "CRLF and no final newline",
			site: "upstream a {\r\n  server 127.0.0.1:8080;\r\n  keepalive 4;\r\n}\r\nserver { location / { proxy_pass http://a; } }",
			want: "@@ upstream a\n-  server 127.0.0.1:8080;\n+  server unix:/var/lib/edgeman/apps/myapp/live.sock;\n" +
				"+  keepalive_time 5s; keepalive_timeout 4s; # edgeman\n",
		},
		{
			name: "literal after a word that ends like a comment",
			site: "log_format x '$status\n# $uri';\n# my site\nserver {\n    location / { proxy_pass http://127.0.0.2; }\n}\n",
			want: "@@ http\n+upstream 127.0.0.2 { # edgeman\n+    server unix:/var/lib/edgeman/apps/myapp/live.sock;\n+}\n+\n",
		},
		{
			name: "literal",
			site: "# my site\nserver {\n    location / {\n        proxy_pass http://127.0.0.1:8080;\n        proxy_set_header Host $host;\n    }\n}\n",
			want: "@@ http\n+upstream edgeman-myapp { # edgeman\n+    server unix:/var/lib/edgeman/apps/myapp/live.sock;\n+}\n+\n" +
				"@@ server, location /\n-        proxy_pass http://127.0.0.1:8080;\n+        proxy_pass http://edgeman-myapp;\n" +
				"+        proxy_redirect http://127.0.0.1:8080/ /; # edgeman\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := testOptions
			if tt.options != nil {
				tt.options(&o)
			}
			p, err := planSite(t, siteFS(tt.site), o)
			if err != nil {
				t.Fatal(err)
			}
			want := "--- " + sitePath + "\n+++ " + sitePath + "\n" + tt.want
			if got := p.Diff(); got != want {
				t.Errorf("diff:\n%s\nwant:\n%s", got, want)
			}
			checkRevert(t, p)
		})
	}
}

// checkRevert stores a plan, reads it back and reverts it, with and without
// foreign changes around the edits.
func checkRevert(t *testing.T, p *Plan) {
	t.Helper()
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var stored Plan
	if err := json.Unmarshal(data, &stored); err != nil {
		t.Fatal(err)
	}
	for _, fe := range stored.Files {
		got, err := fe.Revert(fe.After)
		if err != nil || string(got) != string(fe.Before) {
			t.Errorf("revert of %s: %q, %v", fe.Path, got, err)
		}
		got, err = fe.Revert(append([]byte("# new first line\n"), fe.After...))
		if want := "# new first line\n" + string(fe.Before); err != nil || string(got) != want {
			t.Errorf("revert of a changed %s: %q, want %q, %v", fe.Path, got, want, err)
		}
	}
}

func TestPlanRefuses(t *testing.T) {
	const up = "upstream a { server 127.0.0.1:8080; %s }\nserver { location / { proxy_pass http://a; } }"
	tests := []struct{ name, site, want string }{
		{"sticky", strings.Replace(up, "%s", "sticky cookie srv;", 1), `:1: "sticky" in upstream a decides by itself`},
		{"lua balancer", strings.Replace(up, "%s", "balancer_by_lua_block { x() }", 1), `decides by itself`},
		{"resolve", "upstream a { server app:80 resolve; }\nserver { location / { proxy_pass http://a; } }", `"resolve" on a server line`},
		{"two servers", strings.Replace(up, "%s", "server 127.0.0.1:8081;", 1), "upstream a has another server, 127.0.0.1:8081"},
		{"same port of the other loopback", strings.Replace(up, "%s", "server [::1]:8080;", 1), "upstream a has another server, [::1]:8080"},
		{"transparent bind", "proxy_bind $remote_addr transparent;" + strings.Replace(up, "%s", "", 1), `shows the app the client's address`},
		{"unix already", "server { location / { proxy_pass http://unix:/run/x.sock; } }", "is a Unix socket already"},
		{"unix with slashes", "server { location / { uwsgi_pass unix:///run/x.sock; } }", "is a Unix socket already"},
		{"grpc without a port", "server { location / { grpc_pass grpc://127.0.0.1; } }", "names neither an upstream nor a host and port"},
		{"unknown upstream", "server { location / { fastcgi_pass php; } }", "names neither an upstream nor a host and port"},
		{"no servers", "upstream a { zone z 64k; state /x; } server { location / { proxy_pass http://a; } }", "has no server line"},
		{"all servers down", "upstream a { server 127.0.0.1:8080 down; } server { location / { proxy_pass http://a; } }", "has no server line that is in use"},
		{"variable from the request", "server { location / { proxy_pass http://$arg_to; } }", "takes its address from $arg_to, and the configuration does not say"},
		{"variable set after a break", "server { set $b 1.2.3.4; set $c http; location / { if ($arg_x) { break; } set $b 127.0.0.1; set $p 8080; proxy_pass $c://$b:$p; } }", "takes its address from a variable"},
		{"variable from a row of a map", "map $host $x { ~^(?<b>.+) y; } server { set $b a; location / { proxy_pass http://$b; } } upstream a { server 1.2.3.4; }", "takes its address from $b, and the configuration does not say"},
		{"variable set in Lua", "server { set $b a; access_by_lua_block { ngx.var.b = 'c' } location / { proxy_pass http://$b; } } upstream a { server 1.2.3.4; }", "takes its address from $b, and the configuration does not say"},
		{"variable from a capture", "server { server_name ~(?<b>.+); location / { proxy_pass http://$b; } }", "takes its address from $b, and the configuration does not say"},
		{"port from the request", "server { location / { proxy_pass http://127.0.0.1:8080$arg_p; } }", "takes its address from $arg_p, and the configuration does not say"},
		{"two addresses in one location", "server { location / { proxy_pass http://127.0.0.1:8080; if ($arg_a) { proxy_pass http://127.0.0.1:8081; } } }", "send requests to several addresses"},
		{"two spellings in one location", "server { location / { proxy_pass http://127.0.0.1:8080; if ($arg_a) { proxy_pass http://localhost:8080; } } }", "two spellings"},
		{"two addresses in an inner location", "server { location / { proxy_pass http://127.0.0.1:8080; location /a { proxy_pass http://127.0.0.1:8080; if ($arg_a) { proxy_pass http://127.0.0.1:8081; } } } }", "send requests to several addresses"},
		{"two addresses in one map", "map $arg_a $b { default 127.0.0.1:8080; x 127.0.0.1:8081; } server { location / { proxy_pass http://$b; } }", "send requests to several addresses"},
		{"two addresses in one map of grpc", "map $arg_a $b { default 127.0.0.1:8080; x 127.0.0.1:8081; } server { location / { grpc_pass $b; } }", "send requests to several addresses"},
		{"address and upstream in one map", "map $arg_a $b { default 127.0.0.1:8080; x up; } upstream up { server 127.0.0.1:8080; } server { location / { proxy_pass http://$b; } }", "send requests to several addresses"},
		{"upstream and literal in one location", "upstream a { server 127.0.0.1:8080; } server { location / { proxy_pass http://a; if ($arg_a) { proxy_pass http://127.0.0.1:8080; } } }", "send requests to several addresses"},
		{"port from a map", "map $host $p { a 8081; default 8080; } server { location / { proxy_pass http://127.0.0.1:$p; } }", "is put together from several values"},
		{"value used elsewhere", "map $host $b { a 127.0.0.1:8081; default 127.0.0.1:8080; } server { location / { proxy_set_header X $b; proxy_pass http://$b; } }", `the address of "proxy_pass http://$b", is used elsewhere too`},
		{"name that nginx cannot look up", "server { location / { proxy_pass http://localhost:8080$request_uri; } }", "nginx cannot look up localhost"},
		{"name that nginx cannot look up, on another port", "server { set $h localhost; location / { proxy_pass http://$h:8080; } location /a { proxy_pass http://localhost:8081; } }", "nginx cannot look up localhost"},
		{"value used elsewhere by another name", "map $host $b { a 127.0.0.1:8081; default 127.0.0.1:8080; } map $uri $c { default $b; } server { location / { proxy_set_header X $c; proxy_pass http://$c; } }", `the address of "proxy_pass http://$c", is used elsewhere too`},
		{"value used elsewhere by its own name", "map $host $b { a 127.0.0.1:8081; default 127.0.0.1:8080; } map $uri $c { default $b; } server { location / { proxy_set_header X $b; proxy_pass http://$c; } }", `the address of "proxy_pass http://$c", is used elsewhere too`},
		{"value that decides another", "map $host $b { a 127.0.0.1:8081; default 127.0.0.1:8080; } map $b $c { default 1; 127.0.0.1:8080 2; } server { location / { proxy_set_header X $c; proxy_pass http://$b; } }", `the address of "proxy_pass http://$b", is used elsewhere too`},
		{"default of proxy_redirect for one of two passes", "server { location / { set $b 127.0.0.1:8080; proxy_pass http://$b; if ($arg_a) { proxy_pass http://127.0.0.1:8080; } } }", "has no default of proxy_redirect"},
		{"name in TLS for one of two schemes", "server { listen 80; listen 443 ssl; location / { proxy_pass $scheme://127.0.0.1:8080; proxy_set_header Host $host; } }", "send requests to several addresses"},
		{"$proxy_host in a map", "map $proxy_host $x { default 1; } server { location / { proxy_pass http://127.0.0.1:8080; } }", `"map" uses the literal address`},
		{"$proxy_host in a redirect that others inherit", "server { location / { proxy_redirect http://$proxy_host/ /; proxy_pass http://127.0.0.1:8080; location /b { proxy_pass http://127.0.0.1:9; } } }", `"proxy_redirect http://$proxy_host/ /" uses the literal address`},
		{"$proxy_host in a response", "server { location / { proxy_pass http://127.0.0.1:8080; add_header X $proxy_host; } }", `"add_header" uses the literal address`},
		{"$proxy_host before proxying", "server { location / { set $h $proxy_host; proxy_set_header X $h; proxy_pass http://127.0.0.1:8080; } }", `"set" uses the literal address`},
		{"two spellings in one cache", "server { proxy_cache c; location /a/ { proxy_pass http://127.0.0.1:8080/x/; } location /b/ { proxy_pass http://localhost:8080/x/; } }", "would get the same keys"},
		{"$proxy_host in Lua", "server { location / { proxy_pass http://127.0.0.1:8080; header_filter_by_lua_block { x = ngx.var.proxy_host } } }", "the Lua code uses the literal address"},
		{"snippet used for another app too", "server { location / { proxy_pass http://127.0.0.1:8080; include h; } location /o { proxy_pass http://127.0.0.1:9; include h; } }", "the file is included 2 times and the change is right for 1"},
		{"bind that others need", "server { proxy_bind 10.0.0.1; location / { proxy_pass http://127.0.0.1:8080; location /b { proxy_pass http://127.0.0.1:9; } } }", `"proxy_bind 10.0.0.1" is needed for other addresses`},
		{"bind that another value needs", "map $arg_a $b { default a; x o; } upstream a { server 127.0.0.1:8080; } upstream o { server 127.0.0.1:9; } server { proxy_bind 127.0.0.2; location / { proxy_pass http://$b; } }", `"proxy_bind 127.0.0.2" is needed for other addresses`},
		{"name that a variable may need", "server { location / { proxy_pass http://app:8080; } location /v { proxy_pass http://$arg_v; } }", "may need app, which nginx would no longer resolve"},
		{"name that a constant variable needs", "server { location / { proxy_pass http://app:8080; } } include o;", "may need app, which nginx would no longer resolve"},
		{"stream with TLS", "stream: server { proxy_ssl ON; proxy_pass 127.0.0.1:53; }", "uses TLS"},
		{"variable set in Lua in another case", "server { set $b1 a; access_by_lua_block { ngx.var.B1 = 'c' } location / { proxy_pass http://$b1; } } upstream a { server 1.2.3.4; }", "takes its address from $b1, and the configuration does not say"},
		{"rows of a map that are parameters of geo", "map $arg_a $b { default 127.0.0.1:8080; proxy 127.0.0.1:8081; delete 127.0.0.1:8082; } server { location / { proxy_pass http://$b; } }", "send requests to several addresses"},
		{"a server line from a file used twice", "upstream a { include s; } upstream b { include s; } server { location / { proxy_pass http://a; } }", "the file is included 2 times"},
		{"uwsgi with TLS", "server { location / { uwsgi_pass suwsgi://127.0.0.1:8080; } }", "uses TLS"},
		{"site in stream", "stream: server { listen 53 udp; proxy_pass 127.0.0.1:53; }", "listens for UDP"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := siteFS(tt.site)
			if site, ok := strings.CutPrefix(tt.site, "stream: "); ok {
				m["/etc/nginx/nginx.conf"] = "stream { include sites-enabled/*; }"
				m[sitePath] = site
			}
			m["/etc/nginx/h"] = "proxy_set_header Host $proxy_host;"
			m["/etc/nginx/o"] = "server { set $b app; location / { proxy_pass http://$b:8080; } }"
			m["/etc/nginx/s"] = "server 127.0.0.1:8080;"
			_, err := planSite(t, m, testOptions)
			var r *Refusal
			if !errors.As(err, &r) || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want a refusal with %q", err, tt.want)
			}
			if r.Pos.File == "" || r.Pos.Line == 0 {
				t.Errorf("no position in %v", err)
			}
		})
	}
}
