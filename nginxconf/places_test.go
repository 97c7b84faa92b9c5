package nginxconf

import (
	"slices"
	"strings"
	"testing"
)

// spellings are sites that reach the app by several addresses.
var spellings = []behaviour{
	{
		name: "literals in several spellings", addr: "0.0.0.0:0", site: server("location / { proxy_pass http://127.0.0.1:PORT; }\nlocation /two/ { proxy_pass http://127.0.1.1:PORT/app/; }\n" +
			"location /three/ { proxy_pass http://localhost:PORT; proxy_set_header Host $host; }\nlocation /four/ { proxy_pass http://0.0.0.0:PORT; }"),
		requests: []string{
			get, post, redir2, "GET /two/r?loc=http://127.0.1.1:PORT/app/z HTTP/1.0\r\n\r\n", "GET /two/r?loc=http://127.0.0.1:PORT/z HTTP/1.0\r\n\r\n",
			"GET /three/r?loc=http://localhost:PORT/z HTTP/1.0\r\n\r\n", "GET /four/r?loc=http://0.0.0.0:PORT/z HTTP/1.0\r\n\r\n",
		},
	},
	{
		name: "both loopbacks", addr: "[::]:0", site: "upstream up { server [::1]:PORT; }\n" + server("location / { proxy_pass http://127.0.0.1:PORT; }\nlocation /x/ { proxy_pass http://[::1]:PORT; }\nlocation /y/ { proxy_pass http://up; }"),
		requests: []string{get, "GET / HTTP/1.0\r\n\r\n", "GET /y/ HTTP/1.0\r\n\r\n"},
	},
	{
		name: "spelled otherwise inside of another", addr: "0.0.0.0:0", requests: []string{get, "GET / HTTP/1.0\r\n\r\n"},
		site: server("proxy_set_header X-A a;\nlocation / { proxy_pass http://127.0.0.1:PORT; location /x/ { proxy_pass http://127.0.1.1:PORT; } }"),
	},
	{name: "spellings without a port", addr: "127.81.7.8:80", site: server("location / { proxy_pass http://127.81.7.8; }\nlocation /x/form { proxy_pass http://127.81.7.8:80; }")},
	{
		name: "the same port of another address", site: server("location / { proxy_pass http://127.0.0.1:PORT; }\nlocation /two/ { proxy_pass http://127.0.0.2:PORT; }\nlocation /six/ { proxy_pass http://[::1]:PORT; }"),
		requests: []string{get, "GET /two/ HTTP/1.0\r\n\r\n", "GET /six/ HTTP/1.0\r\n\r\n"},
	},
	{name: "upstream, one server twice", want: "unix:SOCKET max_fails=2;", site: "upstream up { server APP; server APP max_fails=2; }\n" + server("location / { proxy_pass http://up; }")},
	{name: "upstream, one server in two spellings", addr: "0.0.0.0:0", site: "upstream up { server 127.0.0.1:PORT; server localhost:PORT weight=3; server 127.0.1.1:PORT; }\n" + server("location / { proxy_pass http://up; }")},
	{name: "upstream, one server twice with ip_hash", site: "upstream up { ip_hash; server APP; server APP weight=2; }\n" + server("location / { proxy_pass http://up; }")},
	{name: "upstream, a server that is its own backup", want: "server unix:SOCKET backup;", site: "upstream up { server APP; server APP backup; }\n" + server("location / { proxy_pass http://up; }")},
	{name: "upstream, a server that is also down", site: "upstream up { server APP; server APP down; }\n" + server("location / { proxy_pass http://up; }")},
}

// twoLocalhosts is a machine on which localhost is two addresses, with an app
// behind port 8080 of each.
func twoLocalhosts(host, port string) []string {
	switch {
	case port == "8080" && host == "localhost":
		return []string{"four", "six"}
	case port == "8080" && host == "127.0.0.1", port == "8081" && host == "10.0.0.1":
		return []string{"four"}
	case port == "8080" && host == "::1":
		return []string{"six"}
	}
	return nil
}

// TestOtherSpellingElsewhere: another site's spelling is the same app.
func TestOtherSpellingElsewhere(t *testing.T) {
	m := siteFS("server { location / { proxy_pass http://127.0.0.1:8080; } }\n")
	m["/etc/nginx/sites-enabled/other"] = "server { location / { proxy_pass http://10.0.0.1:8081; } }\n"
	c := mustLoad(t, m)
	c.Locate(twoLocalhosts)
	targets, err := c.Targets(sitePath)
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Plan(testOptions, targets[0])
	if err != nil || len(p.Files) != 1 || len(p.Stays) != 1 || !strings.Contains(p.Stays[0].Text, "still goes to 10.0.0.1:8081") {
		t.Errorf("%+v, %v", p, err)
	}
	o := testOptions
	o.Everywhere = true
	if p, err = c.Plan(o, targets[0]); err != nil || len(p.Files) != 2 || len(p.Stays) != 0 {
		t.Errorf("%+v, %v", p, err)
	}
	if got := targets[0].Addresses(true); !slices.Equal(got, []string{"127.0.0.1:8080", "10.0.0.1:8081"}) {
		t.Errorf("addresses %q", got)
	}
}

func TestPlaces(t *testing.T) {
	tests := []struct {
		name, site string
		apps       []string // addresses of each target
		stays      []string // of the first
	}{
		{"both written out", "server { location / { proxy_pass http://127.0.0.1:8080; } location /6 { proxy_pass http://[::1]:8080; } }", []string{"127.0.0.1:8080", "[::1]:8080"}, nil},
		{"another port of one", "server { location / { proxy_pass http://127.0.0.1:8080; } location /6 { proxy_pass http://10.0.0.1:8081; } location /7 { proxy_pass http://0.0.0.0:8080; } }", []string{"127.0.0.1:8080 10.0.0.1:8081 0.0.0.0:8080"}, nil},
		{
			"a name for both", "server { location / { proxy_pass http://127.0.0.1:8080; }\nlocation /l { proxy_pass http://localhost:8080; } }",
			[]string{"127.0.0.1:8080", "localhost:8080"},
			[]string{"site:2: proxy_pass http://localhost:8080 (server, location /l) goes to localhost:8080, which is this app and another in turn"},
		},
		{"a name for both in an upstream", "upstream u {\n server localhost:8080; } server { location / { proxy_pass http://[::1]:8080; } location /u { proxy_pass http://u; } }", []string{"[::1]:8080", "localhost:8080"}, []string{"site:2"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := mustLoad(t, siteFS(tt.site))
			c.Locate(twoLocalhosts)
			targets, err := c.Targets(sitePath)
			if err != nil {
				t.Fatal(err)
			}
			var apps []string
			for _, tg := range targets {
				apps = append(apps, strings.Join(tg.Addresses(false), " "))
			}
			if !slices.Equal(apps, tt.apps) {
				t.Errorf("targets %q, want %q", apps, tt.apps)
			}
			p, err := c.Plan(testOptions, targets[0])
			if err != nil {
				t.Fatal(err)
			}
			if len(p.Stays) != len(tt.stays) {
				t.Errorf("stays %v, want %q", p.Stays, tt.stays)
			}
			for i, want := range tt.stays {
				if got := p.Stays[i].Pos.String() + ": " + p.Stays[i].Text; !strings.Contains(got, want) {
					t.Errorf("stays %q, want %q", got, want)
				}
			}
		})
	}
}

// TestOneServerTwice: the lines of one server mean what they meant, also beside
// those of a copy.
func TestOneServerTwice(t *testing.T) {
	const rest = "server { location / { proxy_pass http://a; } }\n"
	const sock = "server unix:/var/lib/edgeman/apps/myapp/live.sock"
	tests := []struct{ name, up, want, losses string }{
		{"the same line", "server 127.0.0.1:1; server 127.0.0.1:1;", sock + "; " + sock + ";", ""},
		{"parameters stay", "hash $uri; server 127.0.0.1:1 max_fails=3; server localhost:1 weight=2;", sock + " max_fails=3; " + sock + " weight=2;", ""},
		{"its own backup", "server 127.0.0.1:1; server localhost:1 backup;", sock + "; " + sock + " backup;", ""},
		{"a copy beside it", "server 127.0.0.1:1; server localhost:1; server 127.0.0.1:2 weight=2;", sock + " max_fails=0; " + sock + " max_fails=0; " + sock + " max_fails=0 weight=2;", ""},
		{"a copy with a smaller share", "server 127.0.0.1:1; server localhost:1; server 127.0.0.1:2;", sock + " max_fails=0; ", "127.0.0.1:2 has weight 1 and 127.0.0.1:1 has 2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, p, err := planTogether(t, "upstream a { "+tt.up+" }\n"+rest)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(p.Files[0].After); !strings.Contains(got, tt.want) {
				t.Errorf("got %s", got)
			}
			if (len(p.Losses) > 0) != (tt.losses != "") || tt.losses != "" && !strings.Contains(p.Losses[0].Text, tt.losses) {
				t.Errorf("losses %v, want %q", p.Losses, tt.losses)
			}
		})
	}
}
