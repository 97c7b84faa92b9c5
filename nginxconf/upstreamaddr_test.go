package nginxconf

import (
	"strings"
	"testing"

	"edgeman/nginxconf/internal/plan"
)

// TestUpstreamAddr: $upstream_addr may be logged; what else depends on it is a
// loss that has to be accepted.
func TestUpstreamAddr(t *testing.T) {
	tests := []struct {
		name, top, server, location string
		losses, notes               []string
	}{
		{name: "log", top: "log_format x '$upstream_addr $status'; access_log /l x;", notes: []string{"site:2: $upstream_addr in log_format"}},
		{name: "log of a map's value", top: "map $upstream_addr $c { default a; } log_format x $c;", notes: []string{"site:2: $c, which depends on $upstream_addr in log_format"}},
		{name: "map that nobody uses", top: "map $upstream_addr $c { default a; }"},
		{name: "header", location: "add_header X-Upstream $upstream_addr always;", losses: []string{`site:4: "add_header X-Upstream $upstream_addr always" uses $upstream_addr`}},
		{name: "header of all sites", top: "add_header X ${Upstream_Addr};", losses: []string{`site:2: "add_header X ${Upstream_Addr}" uses $upstream_addr`}},
		{name: "trailer", server: "add_trailer X $upstream_addr;", losses: []string{"site:3: "}},
		{name: "header of the app", location: "proxy_set_header X $upstream_addr;", losses: []string{"site:4: "}},
		{name: "map in a header", top: "map $upstream_addr $c { default a; } map $c $d { a b; }", location: "add_header X $D;", losses: []string{`site:4: "add_header X $D" uses $d, which depends on $upstream_addr`}},
		{name: "row of a map", top: "map $status $c { 200 ''; default $upstream_addr; }", location: "add_header X $c;", losses: []string{"site:4: "}},
		{name: "row called like a directive", top: "map $status $c { set $upstream_addr; }", location: "add_header X $c;", losses: []string{"site:4: "}},
		{name: "capture of a map", top: "map $upstream_addr $c { ~^(?<ip>[^:]+) $ip; default ''; }", location: "add_header X $ip;", losses: []string{`uses $ip, which depends on $upstream_addr`}},
		{name: "geo", top: "geo $upstream_addr $c { default 0; }", location: "add_header X $c;", losses: []string{"site:4: "}},
		{name: "split_clients", top: "split_clients $upstream_addr $c { 50% a; * b; }", location: "add_header X $c;", losses: []string{"site:4: "}},
		{name: "set", location: "set $c x$upstream_addr; return 200 $c;", losses: []string{"site:4: "}},
		{name: "set that is logged only", top: "log_format x $c;", location: "set $c x$upstream_addr;", notes: []string{"site:2: $c"}},
		{name: "auth_request_set", location: "auth_request_set $c $upstream_addr; add_header X $c;", losses: []string{"site:4: "}},
		{name: "if", location: `if ($upstream_addr ~ "8080") { return 403; }`, losses: []string{"site:4: "}},
		{name: "return", location: "return 302 /?$upstream_addr;", losses: []string{"site:4: "}},
		{name: "body", location: "sub_filter backend $upstream_addr;", losses: []string{"site:4: "}},
		{name: "foreign directive that takes it first", location: "more_or_less $upstream_addr;", losses: []string{"site:4: "}},
		{name: "which requests are logged", top: "map $upstream_addr $c { default 0; }", location: "access_log /l combined if=$c;", losses: []string{"site:4: "}},
		{name: "where is logged", location: "access_log /l/$upstream_addr.log;", losses: []string{"site:4: "}},
		{name: "cache key", location: "proxy_cache_key $upstream_addr;", losses: []string{"site:4: "}},
		{name: "Lua", location: "header_filter_by_lua_block { ngx.header.x = ngx.var.upstream_addr }", losses: []string{`site:4: "header_filter_by_lua_block" uses`}},
		{name: "another server", server: "location /o { add_header X $upstream_addr; return 200; } set $c $upstream_addr; add_header X $c; } server {"},
		{name: "variable of the same name in another server", location: "add_header X $c;", server: "set $c 1; } server { set $c $upstream_addr; location / { return 204; } } server {"},
		{name: "longer name", location: "add_header X $upstream_address;"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			site := "upstream a { server 127.0.0.1:8080; }\n" + tt.top + "\nserver { " + tt.server + " location / { proxy_pass http://a;\n" + tt.location + "} }\n"
			p, err := planSite(t, siteFS(site), testOptions)
			if err != nil {
				t.Fatal(err)
			}
			match := func(what string, got []plan.Note, want []string) {
				ok := len(got) == len(want)
				for i := 0; ok && i < len(want); i++ {
					ok = strings.Contains(got[i].Pos.String()+": "+got[i].Text, want[i])
				}
				if !ok {
					t.Errorf("%s %v, want %q", what, got, want)
				}
			}
			match("losses", p.Losses, tt.losses)
			match("notes", p.Notes, tt.notes)
			for _, l := range p.Losses {
				if l.Code != UpstreamAddr || !strings.HasSuffix(l.Text, "becomes unix:"+testOptions.Socket) {
					t.Errorf("loss %+v", l)
				}
			}
		})
	}
}
