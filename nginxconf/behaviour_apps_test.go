package nginxconf

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// Two apps behind one variable are taken over and given back one by one. At each
// step each request gets the answer that it got before, from the same app.
func TestAppsBehindOneVariableOnNginx(t *testing.T) {
	if testing.Short() {
		t.Skip("runs nginx five times for every case")
	}
	nginxBinary(t)
	for _, b := range []behaviour{
		{name: "map of literals", site: "map $http_x_lang $to {\n    de APP;\n    fr OTHER;\n}\n" + server("location / { proxy_pass http://$to; "+host+" }")},
		{name: "literals set in if", site: server("location / { set $to http://OTHER; if ($http_x_lang = de) { set $to http://APP; } if ($request_method = POST) { set $to http://APP; } proxy_pass $to; " + host + " }")},
		{name: "upstreams set in if", site: two + server("location / { set $to http://up-fr; if ($http_x_lang = de) { set $to http://up-de; } proxy_pass $to; }")},
		{name: "upstreams named by the URL", site: two + server("location ~ ^/(de|fr)(/.*) { proxy_pass http://up-$1$2; }\nlocation / { proxy_pass http://up-de; }")},
		{name: "one host in a variable, two ports", site: server("set $ip 127.0.0.1;\nlocation / { proxy_pass http://$ip:PORT; }\nlocation /fr/ { proxy_pass http://OTHER$request_uri; }\nlocation /x/ { set $port PORT; proxy_pass http://$ip:$port/x$uri; }")},
	} {
		t.Run(b.name, func(t *testing.T) {
			b.requests = languages
			l := newLab(t, b)
			l.write(l.site, b.site)
			want := l.answers(b)
			done := map[string]FileEdit{}
			for _, name := range []string{"de", "fr"} {
				addr, socket := l.app.addr(), l.socket
				if name == "fr" {
					addr, socket = l.other.addr(), l.dir+"/other.sock"
				}
				p := l.planFor(addr, Options{Socket: socket, App: name, NginxVersion: l.version})
				l.apply(p)
				done[name] = p.Files[0]
				l.same(b, want, name+" taken over")
			}
			for _, name := range []string{"de", "fr"} {
				current, err := os.ReadFile(l.site)
				if err != nil {
					t.Fatal(err)
				}
				back, err := done[name].Revert(current)
				if err != nil {
					t.Fatal(err)
				}
				l.write(l.site, string(back))
				l.same(b, want, name+" given back")
			}
		})
	}
}

// answers returns the responses, and what each of the two apps received.
func (l *lab) answers(b behaviour) []string {
	l.t.Helper()
	l.start()
	defer l.stop()
	l.tcp = [2]int{}
	var out []string
	for _, r := range b.requests {
		out = append(out, l.ask(r))
		app, tcp, _ := l.app.take()
		other, tcp2, _ := l.other.take()
		l.tcp[0], l.tcp[1] = l.tcp[0]+tcp, l.tcp[1]+tcp2
		out = append(out, "app: "+strings.Join(app, ""), "other: "+strings.Join(other, ""))
	}
	return out
}

func (l *lab) same(b behaviour, want []string, when string) {
	l.t.Helper()
	if got := l.answers(b); !slices.Equal(got, want) {
		site, _ := os.ReadFile(l.site)
		for i := range want {
			if got[i] != want[i] {
				l.t.Errorf("%s: for %s got\n%s\nwant\n%s\nwith\n%s", when, b.requests[i/3], got[i], want[i], site)
				return
			}
		}
	}
}

// planFor plans the edits for one address of the site.
func (l *lab) planFor(addr string, o Options) *Plan {
	l.t.Helper()
	c, err := Load(diskFS{}, l.conf)
	if err != nil {
		l.t.Fatal(err)
	}
	targets, err := c.Targets(l.site)
	if err != nil {
		l.t.Fatal(err)
	}
	i := slices.IndexFunc(targets, func(t Target) bool { return t.Addr.String() == addr })
	if i < 0 {
		l.t.Fatalf("no target %s among %v", addr, targets)
	}
	p, err := c.Plan(o, targets[i])
	if err != nil {
		l.t.Fatal(err)
	}
	return p
}
