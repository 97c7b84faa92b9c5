package nginxconf

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// sharedSites have three apps, on ports 8081 to 8083, whose edits touch each
// other in as many ways as there are.
var sharedSites = map[string]memFS{
	"a map of tenants": siteFS("map $host $tenant {\n    hostnames;\n    default        127.0.0.1:8081;\n    a.example.org  127.0.0.1:8081;\n    b.example.org  127.0.0.1:8082;\n    c.example.org  127.0.0.1:8083;\n}\nserver {\n    location / { proxy_pass http://$tenant; proxy_set_header Host $host; }\n}\n"),
	"a map in a line":  siteFS("map $host $t { default 127.0.0.1:8081; b 127.0.0.1:8082; c 127.0.0.1:8083; }\nserver { location / { proxy_pass http://$t; proxy_set_header Host $host; } }\n"),
	"neighbours":       siteFS("server {\n    location /1 { proxy_pass http://127.0.0.1:8081; }\n    location /2 { proxy_pass http://127.0.0.1:8082; }\n    location /3 { proxy_pass http://127.0.0.1:8083; }\n    location /4 { proxy_pass http://127.0.0.1:8081; }\n}\n"),
	"one line":         siteFS("server { location /1 { proxy_pass http://127.0.0.1:8081; } location /2 { proxy_pass http://127.0.0.1:8082; } location /3 { proxy_pass http://127.0.0.1:8083; } }\n"),
	"alike": siteFS("server {\n    location /1 {\n        proxy_pass http://127.0.0.1:8081;\n    }\n    location /2 {\n        proxy_pass http://127.0.0.1:8082;\n    }\n    location /3 {\n        proxy_pass http://127.0.0.1:8083;\n    }\n}\n" +
		"server {\n    listen 81;\n    location /1 {\n        proxy_pass http://127.0.0.1:8083;\n    }\n    location /2 {\n        proxy_pass http://127.0.0.1:8082;\n    }\n    location /3 {\n        proxy_pass http://127.0.0.1:8081;\n    }\n}\n"),
	"upstreams":      siteFS("upstream a { server 127.0.0.1:8081; keepalive 4; }\nupstream b { server 127.0.0.1:8082; keepalive 4; }\nupstream c { server 127.0.0.1:8083; keepalive 4; }\nserver { location /1 { proxy_pass http://a; } location /2 { proxy_pass http://b; } location /3 { proxy_pass http://c; } }\n"),
	"in one":         siteFS("server {\r\n\tlocation / {\r\n\t\tif ($arg_a = 1) { proxy_pass http://127.0.0.1:8081; }\r\n\t\tif ($arg_a = 2) { proxy_pass http://127.0.0.1:8082; }\r\n\t\tproxy_pass http://127.0.0.1:8083;\r\n\t\tproxy_set_header Host $host;\r\n\t\tproxy_redirect off;\r\n\t}\r\n}\r\n"),
	"several files":  severalFiles(),
	"another site":   anotherSite(),
	"no end of line": siteFS("server {\n\tlocation /1 { proxy_pass http://127.0.0.1:8081; }\n\tlocation /2 { proxy_pass http://127.0.0.1:8082; }\n}\nserver { listen 82; location / { proxy_pass http://127.0.0.1:8083; } }"),
}

func severalFiles() memFS {
	m := siteFS("server {\n    include /etc/nginx/snip/*.conf;\n    location / { include /etc/nginx/pass; }\n    location /2 { proxy_pass http://127.0.0.1:8082; }\n}\nserver { listen 81; location /x { include /etc/nginx/pass; } }\n")
	m["/etc/nginx/pass"] = "proxy_pass http://127.0.0.1:8081;\n"
	m["/etc/nginx/snip/a.conf"] = "location /a { proxy_pass http://127.0.0.1:8083; }\nset $b 127.0.0.1:8081;\n"
	m["/etc/nginx/snip/b.conf"] = "location /b { proxy_pass http://$b; proxy_set_header Host $host; }\nlocation /c { proxy_pass http://127.0.0.1:8082; }\n"
	return m
}

// anotherSite is read before the one that is adopted.
func anotherSite() memFS {
	m := siteFS("server {\n    location /1 { proxy_pass http://127.0.0.1:8081; }\n    location /2 { proxy_pass http://127.0.0.1:8082; }\n    location /3 { proxy_pass http://127.0.0.1:8083; }\n}\n")
	m["/etc/nginx/sites-enabled/another"] = strings.Replace(m[sitePath], "{", "{\n    listen 81;", 1)
	return m
}

// TestGiveBackInAnyOrder takes apps over and gives them back in any order, again
// and again, and stops in the middle of both: whatever is on disk can be read,
// and at the end every byte is what it was.
func TestGiveBackInAnyOrder(t *testing.T) {
	for name, site := range sharedSites {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(40) {
				w := &walk{t: t, m: maps.Clone(site), rand: rand.New(rand.NewPCG(seed, 1)), plans: map[int]*Plan{}}
				for range 8 {
					w.step()
				}
				for len(w.plans) > 0 {
					w.giveBack(w.any())
				}
				if !maps.Equal(w.m, site) {
					for path, b := range site {
						if w.m[path] != b {
							t.Errorf("seed %d: %s:\n%s\nwas\n%s", seed, path, w.m[path], b)
						}
					}
				}
				if t.Failed() {
					t.Fatal(strings.Join(w.log, ", "))
				}
			}
		})
	}
}

// walk is a host on which apps are adopted and given back.
type walk struct {
	t     *testing.T
	m     memFS
	rand  *rand.Rand
	plans map[int]*Plan // by port
	log   []string
}

func (w *walk) any() int {
	return slices.Sorted(maps.Keys(w.plans))[w.rand.IntN(len(w.plans))]
}

func (w *walk) step() {
	port := 8081 + w.rand.IntN(3)
	if w.plans[port] != nil {
		w.giveBack(port)
		return
	}
	c := mustLoad(w.t, w.m)
	targets, err := c.Targets(sitePath)
	if err != nil {
		w.t.Fatal(err)
	}
	i := slices.IndexFunc(targets, func(tg Target) bool { return tg.Address == fmt.Sprintf("127.0.0.1:%d", port) })
	o := testOptions
	o.App = fmt.Sprintf("app-%d", port)
	o.Socket, o.Everywhere = "/var/lib/edgeman/apps/"+o.App+"/live.sock", true
	p, err := c.Plan(o, targets[i])
	if refused := new(Refusal); errors.As(err, &refused) {
		return
	}
	w.log = append(w.log, "adopt "+o.App)
	w.plans[port] = p
	for i, fe := range p.Files {
		w.m[fe.Path] = string(fe.After)
		w.readable()
		if w.rand.IntN(20) == 0 && i+1 < len(p.Files) {
			w.log = append(w.log, "killed")
			w.giveBack(port)
			return
		}
	}
}

// giveBack is what is written: the last file first.
func (w *walk) giveBack(port int) {
	w.log = append(w.log, fmt.Sprint("give back ", port))
	for _, fe := range slices.Backward(w.plans[port].Files) {
		out, _, err := fe.TakeBack([]byte(w.m[fe.Path]))
		if err != nil {
			w.t.Fatalf("%v: %v", w.log, err)
		}
		w.m[fe.Path] = string(out)
		w.readable()
	}
	socket := fmt.Sprintf("app-%d", port)
	for path, b := range w.m {
		if strings.Contains(b, socket) {
			w.t.Fatalf("%v: %s still has it:\n%s", w.log, path, b)
		}
	}
	delete(w.plans, port)
}

// readable refuses a pass to an upstream that does not exist.
func (w *walk) readable() {
	w.t.Helper()
	for _, p := range mustLoad(w.t, w.m).Passes() {
		for _, r := range mustLoad(w.t, w.m).finder.Routes(p) {
			if strings.HasPrefix(r.Addr.Host, "edgeman-") && r.Upstream == nil {
				w.t.Fatalf("%v: %s names an upstream that is not there", w.log, p)
			}
		}
	}
}

// TestTakeBack: what somebody has taken back or changed is left alone, and said.
func TestTakeBack(t *testing.T) {
	const pass = "    location / { proxy_pass http://127.0.0.1:8080; }\n"
	site := "server {\n" + pass + "    location /x {\n        proxy_pass http://127.0.0.1:8080;\n    }\n}\n"
	p, err := planSite(t, siteFS(site), testOptions)
	if err != nil {
		t.Fatal(err)
	}
	fe := p.Files[0]
	after := string(fe.After)
	last := after[strings.Index(after, "    location /x"):]
	tests := []struct {
		name, current, want string
		gone                int
	}{
		{"as it was made", after, site, 0},
		{"taken back", site, site, 0},
		{"taken back, and more", "# mine\n" + site, "# mine\n" + site, len(fe.Edits)},
		{"one place taken back", strings.Replace(after, last, site[strings.Index(site, "    location /x"):], 1), site, 3},
		{"one place led elsewhere", strings.Replace(after, "proxy_pass http://edgeman-myapp;", "proxy_pass http://10.0.0.9;", 1), strings.Replace(site, "127.0.0.1:8080", "10.0.0.9", 1), 1},
		{"a header changed", strings.Replace(after, "Host 127.0.0.1:8080;", "Host $host;", 1), "server {\n    location / { proxy_pass http://127.0.0.1:8080;\n    proxy_set_header Host $host; # edgeman\n    proxy_redirect http://127.0.0.1:8080/ /; # edgeman\n     }\n" + site[len("server {\n"+pass):], 2},
		{"the place moved", "server {\n" + last[:len(last)-2] + after[strings.Index(after, "    location / "):strings.Index(after, last)] + "}\n" + after[:strings.Index(after, "server {\n    loc")], "server {\n" + site[len("server {\n"+pass):len(site)-2] + pass + "}\n", 0},
		{"indented anew, all but the edits", strings.ReplaceAll(after, "    location", "\tlocation"), strings.ReplaceAll(site, "    location", "\tlocation"), 0},
		{"a parameter added", strings.Replace(after, "http://edgeman-myapp;", "http://edgeman-myapp/v2/;", 1), strings.Replace(site, "8080;", "8080/v2/;", 1), 0},
		{"empty", "", "", len(fe.Edits)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, gone, err := fe.TakeBack([]byte(tt.current))
			if err != nil || string(got) != tt.want || len(gone) != tt.gone {
				t.Errorf("%v, %d edits gone; got\n%s\nwant %d, and\n%s", err, len(gone), got, tt.gone, tt.want)
			}
		})
	}
}
