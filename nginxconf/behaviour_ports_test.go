package nginxconf

import (
	"os"
	"testing"
)

// Two ports of one app are taken over by one plan, and given back by it. Each
// request gets the answer that it got before, from the same port.
func TestPortsOfOneAppOnNginx(t *testing.T) {
	if testing.Short() {
		t.Skip("runs nginx three times for every case")
	}
	nginxBinary(t)
	const two, upgrade = "GET /two/1 HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n", "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;"
	for _, b := range []behaviour{
		{name: "two upstreams", site: "upstream web { server APP; }\nupstream chat { server OTHER; keepalive 4; }\n" + server("location / { proxy_pass http://web; }\nlocation /two/ { proxy_pass http://chat; "+upgrade+" }")},
		{name: "two literals", site: server("location / { proxy_pass http://APP; " + host + " }\nlocation /two/ { proxy_pass http://OTHER; " + host + " }")},
		{name: "two literals, host unset", site: server("location / { proxy_pass http://APP; }\nlocation /two/ { proxy_pass http://OTHER/x/; }")},
		{name: "one location inside the other's", site: server("proxy_set_header X-O o;\nlocation / { proxy_pass http://APP;\n location /two/ { proxy_pass http://OTHER; } }")},
		{name: "an upstream and a literal", site: "upstream web { server APP; }\n" + server("location / { proxy_pass http://web; }\nlocation /two/ { proxy_pass http://OTHER; proxy_set_header X-A $proxy_host; }")},
		{name: "on one line", site: "upstream a{server APP;}upstream b{server OTHER;}server{listen FRONT;location /{proxy_pass http://a;}location /two/{proxy_pass http://b;}}"},
		{name: "two files", site: server("location / { proxy_pass http://web; }\nlocation /two/ { proxy_pass http://chat; }"), files: map[string]string{"site.d/up.conf": "upstream web { server APP; }\nupstream chat { server OTHER; }\n"}},
		{name: "map of literals", site: "map $http_x_lang $to { de APP; default OTHER; }\n" + server("location / { proxy_pass http://$to; "+host+" }")},
		{name: "literals set in if", site: server("location / { set $to http://OTHER; if ($http_x_lang = de) { set $to http://APP; } proxy_pass $to; " + host + " }")},
		{name: "geo of literals", site: "geo $to { default APP; 127.9.9.9 OTHER; }\n" + server("location / { proxy_pass http://$to; "+host+" }")},
		{name: "one host in a variable", site: server("set $ip 127.0.0.1;\nlocation / { proxy_pass http://$ip:PORT$request_uri; }\nlocation /two/ { proxy_pass http://OTHER$request_uri; }")},
	} {
		t.Run(b.name, func(t *testing.T) {
			b.requests = append([]string{two, redirect}, languages...)
			l := newLab(t, b)
			l.write(l.site, b.site)
			for name, text := range b.files {
				l.write(l.dir+"/"+name, text)
			}
			want := l.answers(b)
			c, err := Load(diskFS{}, l.conf)
			if err != nil {
				t.Fatal(err)
			}
			targets, err := c.Targets(l.site)
			if err != nil || len(targets) != 2 {
				t.Fatalf("%v, %v", targets, err)
			}
			for i := range targets {
				targets[i].Socket = l.socket
				if targets[i].Addr.String() == l.other.addr() {
					targets[i].Socket = l.dir + "/other.sock"
				}
			}
			p, err := c.Plan(Options{App: "myapp", NginxVersion: l.version}, targets...)
			if err != nil {
				t.Fatal(err)
			}
			checkRevert(t, p)
			l.apply(p)
			if err := l.check(); err != nil {
				t.Fatalf("%v\n%s", err, p.Diff())
			}
			l.same(b, want, "taken over:\n"+p.Diff())
			if l.tcp[0]+l.tcp[1] > 0 {
				t.Errorf("%v connections still went to the ports\n%s", l.tcp, p.Diff())
			}
			for _, f := range p.Files {
				current, err := os.ReadFile(f.Path)
				if err != nil {
					t.Fatal(err)
				}
				back, err := f.Revert(current)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(f.Path, back, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			l.same(b, want, "given back")
		})
	}
}
