package nginxconf

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// maze makes sites that send requests to two apps through variables, without
// much sense: $a is an address or the name of an upstream, $u a URL, $h and $p
// host and port, $s what follows them.
type maze struct{ *rand.Rand }

func (m maze) one(list ...string) string { return list[m.IntN(len(list))] }

func (m maze) set() string {
	switch m.IntN(8) {
	case 0:
		return "set $h " + m.one("127.0.0.1", "127.0.0.1", "up-de") + ";"
	case 1:
		return "set $p " + m.one("PORT", "PORT", "1") + ";"
	case 2, 3:
		return "set $s " + m.one("\"\"", "/p$uri", "$1", "$2", "$request_uri", "?x=$arg_q", "$uri$is_args$args", "/p", "$http_x_lang") + ";"
	case 4, 5:
		return "set $u " + m.one("http://APP", "http://OTHER", "http://up-de", "http://$a", "http://$h:$p", "http://APP/p", "http://APP$request_uri", "http://OTHER$s", "http://$m", "$u$s") + ";"
	}
	return "set $a " + m.one("APP", "OTHER", "up-de", "up-fr", "$m", "$n", "up-$http_x_lang", "$h:$p", "up-$1", "$1", "\"\"") + ";"
}

func (m maze) condition() string {
	return m.one("$http_x_lang = de", "$http_x_lang", "$request_method = POST", "$uri ~ ^/(de|fr)(/.*)?$", "$uri !~ ^/x(/.*)$", "$args", "$m")
}

func (m maze) rewrite() string {
	return "rewrite " + m.one("^/x(/.*)$ $1", "^/x/(.*)$ /r/$1", "^/(de)/(.*)$ /x/$2", "^/de/(.*)$ $1") + m.one(" break;", " break;", " last;", ";")
}

func (m maze) steps() string {
	var b strings.Builder
	for range m.IntN(4) {
		switch m.IntN(6) {
		case 0:
			b.WriteString("if (" + m.condition() + ") { " + m.set() + m.one("", "", " break;", " "+m.set()) + " }\n")
		case 1:
			b.WriteString(m.rewrite() + "\n")
		default:
			b.WriteString(m.set() + "\n")
		}
	}
	return b.String()
}

func (m maze) pass() string {
	return "proxy_pass " + m.one("http://$a", "http://$a", "$u", "$u", "http://$a$request_uri", "http://$a$1", "http://APP$s", "http://127.0.0.1:$p", "http://up-$http_x_lang", "http://APP", "http://OTHER",
		"http://$h:PORT", "http://$h:$p$s", "http://up-de$s", "$u$is_args$args", "http://APP$1$is_args$args", "http://APP$uri", "http://$m", "http://$n", "$scheme://$a", "http://up-$1", "http://APP/p$s", "http://$a/p", "http://$1") + "; " +
		m.one("", host, host, "proxy_set_header X-A $a; ", "proxy_redirect http://$proxy_host/ /r/;")
}

func (m maze) location() string {
	inner := m.steps() + m.pass()
	if m.IntN(6) == 0 {
		inner += "\nif (" + m.condition() + ") { " + m.one("", m.set()) + " proxy_pass " + m.one("http://$a", "$u", "http://APP", "http://up-fr", "http://OTHER$request_uri") + "; }"
	}
	return "{\n" + inner + "\n}\n"
}

func (m maze) site() string {
	maps := "map $http_x_lang $m { de " + m.one("APP", "up-de", "127.0.0.1") + "; fr " + m.one("OTHER", "up-fr") + "; " + m.one("", "default up-de;", "default APP$request_uri;") + " }\n" +
		"map $uri $n { " + m.one("", "~^/(d|f) up-$1e;", "~^/(?<a1>de|fr) up-$a1;") + " default " + m.one("up-de", "APP", "OTHER", "up-$http_x_lang") + "; }\n"
	inner := "set $h 127.0.0.1; set $p PORT;" + m.one("set $a APP; set $u http://$a;", "set $a up-fr; set $u http://APP;", "set $u http://OTHER;", "") + "\n" + m.steps() + "location / " + m.location()
	for _, l := range []string{"location /x/ ", "location ~ ^/(de|fr)(/.*)?$ ", "location ~ ^/x(.*)q$ ", "location /r "} {
		if m.IntN(2) == 0 {
			inner += l + m.location()
		}
	}
	if m.IntN(3) == 0 {
		inner += "location /try/ {\n" + m.steps() + "try_files /nothing @named;\n}\nlocation @named " + m.location()
	}
	return two + maps + server(inner)
}

// TestRandomVariablesStay takes one of two apps over on sites that nobody would
// write, and then the other. EDGEMAN_MAZES says how many, EDGEMAN_MAZE which.
func TestRandomVariablesStay(t *testing.T) {
	if testing.Short() {
		t.Skip("runs nginx three times for every site")
	}
	nginxBinary(t)
	mazes, first := 40, uint64(1)
	if n, err := strconv.Atoi(os.Getenv("EDGEMAN_MAZES")); err == nil {
		mazes = n
	}
	if n, err := strconv.ParseUint(os.Getenv("EDGEMAN_MAZE"), 10, 64); err == nil {
		mazes, first = 1, n
	}
	counts := map[string]int{}
	for seed := first; seed < first+uint64(mazes); seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			for _, what := range (maze{rand.New(rand.NewPCG(seed, 0))}).run(t) {
				counts[what]++
			}
		})
	}
	t.Logf("%d sites: %v", mazes, counts)
}

func (m maze) run(t *testing.T) (what []string) {
	l := newLab(t, behaviour{})
	b := behaviour{requests: []string{
		ask("/x/y?q=1&loc=http://APP/z", "X-Lang: de\r\n"), ask("/x/y?loc=http://OTHER/z", "X-Lang: fr\r\n"), ask("/x/yq?loc=http://APP/z", ""), ask("/de/y?loc=http://APP/z", ""), ask("/fr/y?loc=http://APP/p/z", "X-Lang: de\r\n"),
		post, ask("/try/x?loc=http://APP/z", "X-Lang: fr\r\n"), ask("/xy", ""), ask("/de", ""), ask("/r/1?loc=http://APP/z", ""),
	}}
	l.write(l.site, m.site())
	if l.check() != nil {
		return []string{"invalid"}
	}
	want := l.answers(b)
	for i, addr := range []string{l.app.addr(), l.other.addr()} {
		c, err := Load(diskFS{}, l.conf)
		if err != nil {
			t.Fatal(err)
		}
		targets, err := c.Targets(l.site)
		if err != nil {
			t.Fatal(err)
		}
		for _, tg := range targets {
			if tg.Addr.String() != addr {
				continue
			}
			o := Options{Socket: []string{l.socket, l.dir + "/other.sock"}[i], App: []string{"de", "fr"}[i], NginxVersion: l.version}
			p, err := c.Plan(o, tg)
			if err != nil {
				if strings.Contains(err.Error(), "please report") {
					t.Error(err)
				}
				what = append(what, "refused")
				continue
			}
			l.apply(p)
			if err := l.check(); err != nil {
				t.Fatalf("%v\n%s", err, p.Diff())
			}
			l.same(b, want, "after\n"+p.Diff())
			if l.tcp[i] > 0 && len(p.Stays) == 0 && !slices.ContainsFunc(targets, func(t Target) bool { return t.Refusal != nil }) {
				t.Errorf("%d connections still went to the port\n%s", l.tcp[i], p.Diff())
			}
			what = append(what, "taken over")
		}
	}
	return what
}
