package adopt

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"edgeman/deployer/ask"
	"edgeman/deployer/docker"
	"edgeman/deployer/docker/locate"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
)

// What is not shown to be the container's app is refused before anything is
// shown, unless the operator knows better.
func TestAdoptRefusesWhatIsNotProven(t *testing.T) {
	w := newCopies(t, 1, "")
	w.Doubt = &locate.Doubt{Reason: "another listens"}
	_, err := w.Host.Adopt(context.Background(), Options{Sites: []string{w.site}, Name: "myapp", Yes: true})
	if outcome.ExitCode(err) != outcome.ExitRefused || !strings.Contains(hint.Text(err), "site:2: it cannot be shown that "+w.addrs[0]+" is served by container web-1: another listens\nhint: ") || !strings.Contains(hint.Text(err), "--allow-unproven") {
		t.Errorf("exit code %d, %v", outcome.ExitCode(err), err)
	}
	if w.Stdout.Len() > 0 || len(w.Calls) > 0 {
		t.Errorf("a plan was shown:\n%s%v", &w.Stdout, w.Calls)
	}
	_, said := w.dryRun(Options{Allow: []string{AllowUnproven}})
	if !strings.Contains(said, "warning: myapp: it is not shown that the site is served by container web-1: another listens") {
		t.Errorf("adopt said\n%s", said)
	}
}

// Where nobody answers, nobody can be taken for the container that is named.
func TestAdoptOfASiteThatNobodyServes(t *testing.T) {
	for _, named := range []string{"web-1", ""} {
		w := newCopies(t, 1, "")
		w.apps[0].Close()
		w.Doubt = &locate.Doubt{Reason: "nothing listens there", Nobody: true}
		o := Options{Sites: []string{w.site}, Name: "myapp", Container: named, Port: 8080, DryRun: true}
		if _, err := w.Host.Adopt(context.Background(), o); (err == nil) != (named != "") {
			t.Errorf("named %q: %v", named, err)
		}
	}
}

// A name is the address that it leads to here.
func TestAdoptOfAName(t *testing.T) {
	tests := []struct {
		name string
		ips  []string // %1, %2: the containers'
		o    Options
		want string // in the refusal; none: taken over
	}{
		{"one container", []string{"%1"}, Options{}, ""},
		{"one container, and nothing at another loopback", []string{"127.0.77.200", "%1"}, Options{}, ""},
		{"no address", nil, Options{}, "the name app.lan leads nowhere"},
		{"another machine", []string{"192.0.2.9"}, Options{Port: 5432}, "app.lan:PORT (192.0.2.9:PORT): nothing listens there"},
		{"a container and another machine", []string{"%1", "192.0.2.9"}, Options{}, "leads to container web-1, and to another machine, 192.0.2.9"},
		{"two containers", []string{"%1", "%2"}, Options{}, "leads to several containers, web-1 at "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newCopies(t, 2, "")
			at := netip.MustParseAddrPort(w.addrs[0])
			_, port, _ := net.SplitHostPort(w.addrs[0])
			w.write(w.site, "server { location / { proxy_pass http://app.lan:"+port+"; proxy_set_header Host $host; } }\n")
			var ips []netip.Addr
			for _, ip := range tt.ips {
				ip = strings.NewReplacer("%1", at.Addr().String(), "%2", netip.MustParseAddrPort(w.addrs[1]).Addr().String()).Replace(ip)
				ips = append(ips, netip.MustParseAddr(ip))
			}
			w.Hosts = map[string][]netip.Addr{"app.lan": ips}
			tt.o.Sites, tt.o.Name = []string{w.site}, "myapp"
			take, _, err := w.planAdopt(t.Context(), tt.o)
			if tt.want == "" && (err != nil || take[0].main().Addr != at || take[0].containers[0].Name != "web-1") {
				t.Errorf("%v, %v", take, err)
			}
			if want := strings.ReplaceAll(tt.want, "PORT", port); want != "" && (outcome.ExitCode(err) != outcome.ExitRefused || !strings.Contains(err.Error(), want)) {
				t.Errorf("%v, want %q", err, want)
			}
		})
	}
}

// answering serves HTTP as f says.
func answering(t *testing.T, f http.HandlerFunc) netip.AddrPort {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return netip.MustParseAddrPort(s.Listener.Addr().String())
}

func status(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for _, h := range header {
			name, value, _ := strings.Cut(h, ": ")
			w.Header().Set(name, value)
		}
		w.WriteHeader(code)
		_, _ = w.Write([]byte(time.Now().String())) // as changing as bodies are
	}
}

func TestDiffering(t *testing.T) {
	var n atomic.Int64
	late := func(w http.ResponseWriter, r *http.Request) { // as an app that is still busy with its start
		if n.Add(1) < 3 {
			status(503)(w, r)
			return
		}
		status(200)(w, r)
	}
	turns := func(w http.ResponseWriter, r *http.Request) { status(200+int(n.Add(1)/2%2))(w, r) }
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := silent.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	defer silent.Close()
	tests := []struct {
		name       string
		one, other http.HandlerFunc // nil: not HTTP
		want       string           // none: alike
	}{
		{"bodies differ", status(200), status(200), ""},
		{"charsets differ", status(200, "Content-Type: text/html; charset=a"), status(200, "Content-Type: text/html"), ""},
		{"status", status(200), status(404), `"200 OK, text/plain" at the one, "404 Not Found, text/plain" at the other`},
		{"server", status(200, "Server: a"), status(200, "Server: b"), "text/plain, a"},
		{"type", status(200), status(200, "Content-Type: application/json"), "application/json"},
		{"late", status(200), late, ""},
		{"in turns", turns, turns, ""},
		{"no HTTP", status(200), nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n.Store(0)
			to := func(f http.HandlerFunc) ask.Dialer {
				if f == nil {
					return ask.TCP(netip.MustParseAddrPort(silent.Addr().String()), time.Second)
				}
				return ask.TCP(answering(t, f), time.Second)
			}
			got, err := differing(t.Context(), ask.Request{Path: "/", Host: "x"}, to(tt.one), to(tt.other), time.Now().Add(2*compareEvery))
			if err != nil || !strings.Contains(got, tt.want) || tt.want == "" && got != "" {
				t.Errorf("%q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

// The address and the container itself have to answer alike.
func TestAdoptComparesAnAnswer(t *testing.T) {
	for name, tt := range map[string]struct {
		there http.HandlerFunc
		want  string
	}{
		"alike":       {status(200), ""},
		"another app": {status(200, "Server: another"), "at the container's own "},
	} {
		t.Run(name, func(t *testing.T) {
			w := newCopies(t, 1, "")
			there, own := answering(t, tt.there), answering(t, status(200))
			w.write(w.site, "server { location / { proxy_pass http://"+there.String()+"; proxy_set_header Host $host; } }\n")
			w.set("web-1", func(c *docker.Container) {
				c.Networks = []docker.Network{{IPv4: own.Addr()}}
				c.Published = []docker.Port{{HostIP: there.Addr(), HostPort: there.Port(), ContainerPort: own.Port(), Proto: "tcp"}}
			})
			_, err := w.Host.Adopt(t.Context(), Options{Sites: []string{w.site}, Name: "myapp", Container: "web-1", Port: own.Port(), DryRun: true})
			if (err == nil) != (tt.want == "") || err != nil && (outcome.ExitCode(err) != outcome.ExitRefused || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// A new container that answers otherwise than the old one gets no requests.
func TestAdoptComparesTheNewContainer(t *testing.T) {
	for name, tt := range map[string]struct {
		old, now http.HandlerFunc
		allow    []string
		want     string
	}{
		"alike":     {status(200), status(200), nil, ""},
		"otherwise": {status(200), status(503), nil, `GET /: "200 OK, text/plain" at the one, "503 Service Unavailable, text/plain" at the other`},
		"allowed":   {status(200), status(503), []string{AllowUnproven}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newCopies(t, 1, "")
			to, err := w.begin()
			if err != nil {
				t.Fatal(err)
			}
			to.ways[0].targets[0].Protocol, to.ways[0].targets[0].Addr = "http", answering(t, tt.old)
			to.o.Allow, to.timeout = tt.allow, 300*time.Millisecond
			if err := w.Paths.MakeApp("myapp"); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(w.Paths.Live("myapp"), 0o755); err != nil {
				t.Fatal(err)
			}
			l, err := net.Listen("unix", w.Paths.LiveSocket("myapp", to.app.Listeners[0].Name))
			if err != nil {
				t.Fatal(err)
			}
			s := &http.Server{Handler: tt.now}
			go s.Serve(l)
			defer s.Close()
			err = to.compareNew(t.Context(), time.Now())
			if (err == nil) != (tt.want == "") || err != nil && (!strings.Contains(hint.Text(err), tt.want) || !strings.Contains(hint.Text(err), "--via bridge")) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

func TestIsElsewhere(t *testing.T) {
	for ip, want := range map[string]bool{"127.0.1.1": false, "::1": false, "192.0.2.9": true} {
		if got, err := isElsewhere(netip.MustParseAddr(ip)); err != nil || got != want {
			t.Errorf("%s: %v, %v", ip, got, err)
		}
	}
}

// A path that the app does not answer today is said with the plan.
func TestAdoptWarnsOfAPathThatFails(t *testing.T) {
	for code, want := range map[int]bool{404: true, 204: false} {
		w := newCopies(t, 1, "")
		at := answering(t, status(code))
		w.write(w.site, "server { location / { proxy_pass http://"+at.String()+"; proxy_set_header Host $host; } }\n")
		w.set("web-1", func(c *docker.Container) {
			c.Networks = nil
			c.Published = []docker.Port{{HostIP: at.Addr(), HostPort: at.Port(), ContainerPort: 80, Proto: "tcp"}}
		})
		_, said := w.dryRun(Options{Health: "/up"})
		if strings.Contains(said, "warning: myapp: GET /up is answered with 404 Not Found now") != want {
			t.Errorf("%d: adopt said\n%s", code, said)
		}
	}
}
