package nginxconf

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// What a request decides is refused, with the line and the variable.
func TestVariablesThatARequestDecides(t *testing.T) {
	const up = "upstream a { server 127.0.0.1:8080; }\nupstream a2 { server 127.0.0.1:8081; }\n"
	tests := []struct{ name, inner, want string }{
		{"host and port", "location / { proxy_pass http://$http_host; }", "$http_host"},
		{"host before a port", "location / { proxy_pass http://$host:8080; }", "$host"},
		{"port", "location / { proxy_pass http://127.0.0.1:$arg_port; }", "$arg_port"},
		{"port from the URL", `location ~ ^/(\d+)/ { proxy_pass http://127.0.0.1:$1; }`, "$1"},
		{"port from a named capture", `location ~ ^/(?<p>\d+)/ { proxy_pass http://127.0.0.1:$p; }`, "$p"},
		{"name of any upstream", "location / { proxy_pass http://$arg_app; }", "$arg_app"},
		{"upstream with any suffix, and a literal", "location / { set $to a; if ($arg_to) { set $to $arg_to; } proxy_pass http://$to; }", "$to"},
		{"URI without a slash", "location ~ ^/x/(.*)$ { proxy_pass http://127.0.0.1:8080$1; }", "$1"},
		{"URI from an argument", "location / { set $suffix $arg_s; proxy_pass http://127.0.0.1:8080$suffix; }", "$suffix"},
		{"URI rewritten without a slash", "location /x/ { rewrite ^/x/(.*)$ $1 break; proxy_pass http://127.0.0.1:8080$uri; }", "$uri"},
		{"URI set in Lua", "location /x/ { rewrite_by_lua_block { ngx.req.set_uri('x') } proxy_pass http://127.0.0.1:8080$uri; }", "$uri"},
		{"capture of a rewrite", "location ~ ^/x(/.*)$ { rewrite ^/x/(.*) /$1 break; proxy_pass http://127.0.0.1:8080$1; }", "$1"},
		{"capture of an if", "location ~ ^/x(/.*)$ { if ($http_a ~ (.*)) { set $z 1; } proxy_pass http://127.0.0.1:8080$1; }", "$1"},
		{"capture of an if with !~", "location / { if ($uri !~ ^/x(/.*)$) { set $s $1; } proxy_pass http://127.0.0.1:8080$s; }", "$s"},
		{"capture of a map", "location ~ ^/x(/.*)$ { if ($m) { set $z 1; } proxy_pass http://127.0.0.1:8080$1; }", "$1"},
		{"capture of the server's name", `server_name ~^(.+)\.org$; location / { proxy_pass http://127.0.0.1:8080$1; }`, "$1"},
		{"capture of another location", "location ~ ^/x(/.*)$ { error_page 404 = @b; } location ~ ^/(y) { error_page 404 = @b; } location @b { proxy_pass http://127.0.0.1:8080$1; }", "$1"},
		{"capture with a lookahead", "location ~ ^/x(?=/)(.*)$ { proxy_pass http://127.0.0.1:8080$1; }", "$1"},
		{"URL with a part that may be empty in front of a port", "location ~ ^/x(/.*)?$ { set $to http://127.0.0.1$1; proxy_pass $to:8080; }", "$to"},
		{"URL with a part of the request in a variable", "location / { set $to http://127.0.0.1:8080$arg_x; proxy_pass $to; }", "$to"},
		{"set from itself", "location / { set $b http://127.0.0.1:8080; set $b $b$arg_x; proxy_pass $b; }", "$b"},
		{"map with a value of the request", "location / { proxy_pass http://$open; }", "$open"},
		{"set by auth_request", "location / { auth_request /a; auth_request_set $to $upstream_http_to; proxy_pass http://$to; }", "$to"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			maps := "map $http_a $m { ~(x) 1; }\nmap $uri $open { /a a; default $arg_a; }\n"
			_, err := planSite(t, siteFS(up+maps+"server {\n"+tt.inner+"\n}\n"), testOptions)
			var r *Refusal
			if !errors.As(err, &r) {
				t.Fatalf("got %v, want a refusal", err)
			}
			if want := "takes its address from " + tt.want + ", and"; r.Pos.Line != 6 || !strings.Contains(r.Reason, want) {
				t.Errorf("got %v, want line 6 and %q", err, want)
			}
		})
	}
}

// A variable that can have any value means the upstreams of its file, and those
// with a name that its server has.
func TestChoicesThatAreMeant(t *testing.T) {
	for names, want := range map[string][]string{
		"_":                  {},
		"a.org":              {"a.org"},
		"*.a.org":            {"b.a.org"},
		".a.org":             {"a.org", "b.a.org"},
		"a.*":                {"a.org"},
		`~^(?<x>.)\.a\.org$`: {"b.a.org"},
		"other a.org":        {"a.org"},
	} {
		m := siteFS("server { server_name " + names + "; location / { proxy_pass http://$host; } }")
		m["/etc/nginx/sites-enabled/ups"] = "upstream a.org { server 1.2.3.4; } upstream b.a.org { server 1.2.3.5; } upstream c { server 1.2.3.6; }"
		c := mustLoad(t, m)
		var got []string
		for _, v := range c.PassValues(c.Passes()[0]) {
			got = append(got, strings.TrimPrefix(v, "http://"))
		}
		if !slices.Equal(got, want) && len(got)+len(want) > 0 {
			t.Errorf("%s: %q, want %q", names, got, want)
		}
	}
}

// What reaches a pass, of all that sets its variable.
func TestPassValuesFollowSets(t *testing.T) {
	tests := []struct {
		site string
		want []string // of the last pass
	}{
		{"location / { set $b b; set $b c; proxy_pass http://$b; }", []string{"c"}},
		{"location / { set $b b; if ($arg_x) { set $b c; } proxy_pass http://$b; }", []string{"b", "c"}},
		{"location / { if ($arg_x) { set $b c; } set $b b; proxy_pass http://$b; }", []string{"b"}},
		{"location / { set $b b; if ($arg_x) { break; } set $b c; proxy_pass http://$b; }", []string{"c", "b"}},
		{"location / { set $b b; if ($arg_x) { set $b c; proxy_pass http://$b; } }", []string{"c"}},
		{"set $b b; if ($arg_x) { set $b c; } location / { proxy_pass http://$b; }", []string{"b", "c"}},
		{"set $b b; location /a { set $b c; } location / { proxy_pass http://$b; }", []string{"b"}},
		{"set $b b; location /a { set $b c; } location @n { proxy_pass http://$b; }", []string{"b", "c"}},
		{"set $b b; location /a { set $b c; rewrite ^ /z last; } location /z { proxy_pass http://$b; }", []string{"b", "c"}},
		{"set $a b; set $b $a; set $a c; location / { proxy_pass http://$b; }", []string{"b"}},
		{"set $b b$a; set $a c; location / { proxy_pass http://$b; }", []string{}},
		{"set $h h; set $p 81; set $b $h:$p; location / { proxy_pass http://$b; }", []string{"h:81"}},
		{"location / { set $b b; location /a { proxy_pass http://$b; } }", []string{"b"}},
		{"location /a { set $b c; error_page 404 /z; } location /z { proxy_pass http://$b; }", []string{"c"}},
		{"location /a { set $b c; } location /z { set $b b; rewrite ^ /y break; proxy_pass http://$b; }", []string{"b"}},
		{"location = /a { set $b c; proxy_pass http://c; } location / { auth_request /a; set $b b; proxy_pass http://$b; }", []string{"b", "c"}},
		{"location = /a { set $b c; proxy_pass http://c; } location / { mirror /a; set $b b; proxy_pass http://$b; }", []string{"b", "c"}},
		{"auth_request /a; location = /a { set $b c; proxy_pass http://c; } location / { auth_request off; set $b b; proxy_pass http://$b; }", []string{"b"}},
		{"set $h h; set $b $h/u$arg_x; location / { proxy_pass http://$b; }", []string{"h/u$arg_x"}},
		{"location / { set $b h$request_uri; proxy_pass http://$b; }", []string{"h$request_uri"}},
		{"location ~ ^/(?<n>x|y)/ { proxy_pass http://up-$n; }", []string{"up-x"}},
		{"location ~ ^/(?<n>[^/]+)/ { proxy_pass http://up-$n; }", []string{"up-x", "up-z"}},
		{"location / { proxy_pass http://up-$arg_n; }", []string{"up-x", "up-z"}},
		{"location / { proxy_pass http://$arg_n; }", []string{}},
	}
	for _, tt := range tests {
		c := mustLoad(t, siteFS("upstream up-x { server 1.2.3.4; }\nupstream up-z { server 1.2.3.5; }\nserver {\n"+tt.site+"\n}\n"))
		passes := c.Passes()
		var got []string
		for _, v := range c.PassValues(passes[len(passes)-1]) {
			got = append(got, strings.TrimPrefix(v, "http://"))
		}
		if !slices.Equal(got, tt.want) && len(got)+len(tt.want) > 0 {
			t.Errorf("%s: %q, want %q", tt.site, got, tt.want)
		}
	}
}

// Several apps behind one variable are taken over and given back in any order.
// At each step the passes lead to each app, by its address or its socket.
func TestAppsBehindOneVariable(t *testing.T) {
	const ups = "upstream ua { server 127.0.0.1:8081; }\nupstream ub { server 127.0.0.1:8082; }\n"
	for _, site := range []string{
		"map $host $t {\n    default 127.0.0.1:8081;\n    b.org 127.0.0.1:8082;\n}\nserver {\n    location / { proxy_pass http://$t; proxy_set_header Host $host; }\n}\n",
		"map $host $t { default 127.0.0.1:8081; b.org 127.0.0.1:8082; }\nserver { location / { proxy_pass http://$t; proxy_set_header Host $host; } }\n",
		"server { set $t http://127.0.0.1:8081; if ($arg_b) { set $t http://127.0.0.1:8082; } location / { proxy_pass $t; proxy_set_header Host $host; } }\n",
		"server {\n    location / {\n        set $ip 127.0.0.1;\n        proxy_pass http://$ip:8081;\n    }\n    location /b {\n        set $ip 127.0.0.1;\n        proxy_pass http://$ip:8082/x;\n    }\n}\n",
		"server { set $ip 127.0.0.1;\n location / { proxy_pass http://$ip:8081; }\n location /b { proxy_pass http://$ip:8082; }\n}\n",
		ups + "server { location / { set $t ua; if ($arg_b) { set $t ub; } proxy_pass http://$t; } }\n",
		ups + "server { location ~ ^/(a|b)/ { proxy_pass http://u$1; } }\n",
		"map $host $h { default http://127.0.0.1:8081; b.org http://127.0.0.1:8082; }\nmap $uri $t { default $h; /b http://127.0.0.1:8082; /c $h; }\nserver { location / { proxy_pass $t; proxy_set_header Host $host; } }\n",
		"split_clients $remote_addr $s { 1% 127.0.0.1:8082; * 127.0.0.1:8081; }\nmap $cookie_b $t { 0 127.0.0.1:8081; default $s; }\nserver { set $to $t; location / { proxy_pass http://$to; proxy_set_header Host $host; } }\n",
		ups + "geo $g { default ua; 10.0.0.0/8 ub; }\nmap $cookie_b $t { default ua; ~^x $g; }\nserver { location / { proxy_pass http://$t; } }\n",
		ups + "geo $t { default ua; 10.0.0.0/8 127.0.0.1:8082; }\nserver { location / { proxy_pass http://$t; proxy_set_header Host $host; } }\n",
	} {
		for n := range 4 {
			order, back := []string{"8081", "8082"}, []string{"8081", "8082"}
			if n%2 == 1 {
				slices.Reverse(order)
			}
			if n/2 == 1 {
				slices.Reverse(back)
			}
			apps := map[string]string{"8081": "127.0.0.1:8081", "8082": "127.0.0.1:8082"}
			m := siteFS(site)
			done := map[string]FileEdit{}
			for _, port := range order {
				p := planPort(t, m, port)
				m[sitePath], done[port] = string(p.Files[0].After), p.Files[0]
				apps[port] = "unix:/run/app-" + port
				checkEnds(t, m, apps)
			}
			for _, port := range back {
				out, err := done[port].Revert([]byte(m[sitePath]))
				if err != nil {
					t.Fatalf("%v of %s", err, m[sitePath])
				}
				m[sitePath], apps[port] = string(out), "127.0.0.1:"+port
				checkEnds(t, m, apps)
			}
			if m[sitePath] != site {
				t.Errorf("given back as\n%s", m[sitePath])
			}
		}
	}
}

func planPort(t *testing.T, m memFS, port string) *Plan {
	t.Helper()
	c := mustLoad(t, m)
	targets, err := c.Targets(sitePath)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(targets, func(tg Target) bool { return strings.HasSuffix(tg.Address, ":"+port) })
	if i < 0 {
		t.Fatalf("no target with port %s in\n%s", port, m[sitePath])
	}
	o := testOptions
	o.App, o.Socket = "app-"+port, "/run/app-"+port
	p, err := c.Plan(o, targets[i])
	if err != nil {
		t.Fatalf("%v in\n%s", err, m[sitePath])
	}
	return p
}

// checkEnds checks that both apps are still reached, and nothing else.
func checkEnds(t *testing.T, m memFS, apps map[string]string) {
	t.Helper()
	c := mustLoad(t, m)
	var got []string
	for _, pass := range c.Passes() {
		for _, r := range c.finder.Routes(pass) {
			got = append(got, c.finder.PlaceOf(r))
		}
	}
	slices.Sort(got)
	got = slices.Compact(got)
	want := []string{apps["8081"], apps["8082"]}
	slices.Sort(want)
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("ends at %v, want %v:\n%s", got, want, m[sitePath])
	}
}
