package run

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"edgeman/deployer/ask"
	"edgeman/deployer/docker"
	"edgeman/deployer/serve/carry"
	"edgeman/deployer/state"
	"edgeman/sockets/relay"
)

func TestHTTPProbe(t *testing.T) {
	release, arrived := make(chan struct{}), make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "myapp" || r.Method != "GET" {
			http.Error(w, "who?", http.StatusBadRequest)
			return
		}
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		case "/sick":
			http.Error(w, "sick", http.StatusServiceUnavailable)
		case "/hangs":
			close(arrived)
			<-release
		}
	}))
	defer srv.Close()
	defer close(release)
	tests := []struct {
		path, answer string
		ok           bool
	}{
		{"/", "GET /: 200 OK", true},
		{"/redirect", "GET /redirect: 302 Found", true},
		{"/sick", "GET /sick: 503 Service Unavailable", false},
		{"/hangs", "GET /hangs: no answer within 5s", false},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			if tt.path == "/hangs" { // the time for an answer is over once the app has the question
				go func() { <-arrived; cancel() }()
			}
			defer cancel()
			answer, ok := httpProbe(ask.Request{Path: tt.path, Host: "myapp"}, func(ctx context.Context) (net.Conn, error) {
				return net.Dial("tcp", srv.Listener.Addr().String())
			})(ctx)
			if answer != tt.answer || ok != tt.ok {
				t.Errorf("got %q, %v; want %q, %v", answer, ok, tt.answer, tt.ok)
			}
		})
	}
}

func TestHTTPProbeOfSomethingElse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, "SSH-2.0-OpenSSH\r\n")
			c.Close()
		}
	}()
	answer, ok := httpProbe(ask.Request{Path: "/", Host: "myapp"}, func(context.Context) (net.Conn, error) {
		return net.Dial("tcp", l.Addr().String())
	})(t.Context())
	if ok || !strings.HasPrefix(answer, "GET /: ") {
		t.Errorf("got %q, %v", answer, ok)
	}
}

// Through the slot's socket a probe waits for an app that does not listen, so
// that the app itself is asked first: it says why not.
func TestProbeOfAWrongPortSaysSo(t *testing.T) {
	app := listening(t)
	app.refusing = true
	r := &runner{slot: &Containers{Paths: state.Paths{Run: t.TempDir()}}, release: state.Release{Listeners: []state.Listener{state.PortListener(8080)}}}
	r.slot.ThroughSocket.Store(true)
	if _, err := r.dialProbe(t.Context(), app); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("%v, want %v", err, syscall.ECONNREFUSED)
	}
	app.refusing = false
	if _, err := r.dialProbe(t.Context(), app); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("%v: the slot's socket was not asked", err)
	}
}

// How the app is asked is the release's to say.
func TestProbeIsChosen(t *testing.T) {
	app := listening(t)
	checked := docker.Container{Healthcheck: &docker.Healthcheck{Command: []string{"false"}, Timeout: time.Second}}
	tests := []struct {
		health, answer string
		c              docker.Container
	}{
		{"", "connect: ", docker.Container{}},
		{"", "health check: ", checked},
		{state.HealthConnect, "connect: ", checked},
		{"/up", "GET /up: ", checked},
	}
	for _, tt := range tests {
		r := &runner{slot: &Containers{}, release: state.Release{App: "myapp", Health: tt.health, Listeners: []state.Listener{state.PortListener(8080)}}}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		answer, _ := r.probe(failingExec{}, tt.c, app)(ctx)
		cancel()
		if !strings.HasPrefix(answer, tt.answer) {
			t.Errorf("%q with a check %v: %q, want %q", tt.health, tt.c.Healthcheck != nil, answer, tt.answer)
		}
	}
}

// An app with several listeners is ready when the ports behind all of them are.
func TestProbeOfSeveralListeners(t *testing.T) {
	up, down := listening(t), "8072"
	app := deafAt{up, &down}
	release := state.Release{App: "myapp", Health: state.HealthConnect, Listeners: []state.Listener{state.PortListener(8069), state.PortListener(8072)}}
	ask := (&runner{slot: &Containers{}, release: release}).probe(failingExec{}, docker.Container{}, app)
	if answer, ok := ask(t.Context()); ok || !strings.HasPrefix(answer, "port 8072: connect: ") {
		t.Errorf("%q, %v", answer, ok)
	}
	down = "8069"
	if answer, ok := ask(t.Context()); ok || !strings.HasPrefix(answer, "connect: ") {
		t.Errorf("%q, %v", answer, ok)
	}
	down = ""
	if answer, ok := ask(t.Context()); !ok {
		t.Error(answer)
	}
}

// deafAt refuses connections to one port.
type deafAt struct {
	carry.Upstream
	port *string
}

func (a deafAt) Dial(ctx context.Context, listener string) (*relay.Conn, error) {
	if listener == *a.port {
		return nil, syscall.ECONNREFUSED
	}
	return a.Upstream.Dial(ctx, "8080")
}

// The descriptor of each listener has its number.
func TestDescriptorsOfSeveralListeners(t *testing.T) {
	r := &runner{
		slot: &Containers{Paths: state.Paths{Run: "/run/edgeman"}}, name: "myapp-blue-1",
		release: state.Release{
			Mode: Native, Command: []string{"serve", "--web=fd://{fd}", "--chat=fd://{fd:8072}"}, Env: []string{"A={fd:8069}{fd:1}"},
			Listeners: []state.Listener{state.PortListener(8069), state.PortListener(8072)},
		},
	}
	s := r.spec()
	if got := strings.Join(append(s.Command, s.Env...), " "); got != "serve --web=fd://3 --chat=fd://4 A=3{fd:1}" {
		t.Error(got)
	}
}

type failingExec struct{ Engine }

func (failingExec) Exec(context.Context, string, []string) (int, string, error) { return 1, "", nil }

// Why something failed stands at the end of what is said of it.
func TestOneLineKeepsTheEnd(t *testing.T) {
	long := "docker: start myapp-blue-2: failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: " +
		"unable to start container process: error during container init: " + strings.Repeat("wrapped in one more word: ", 20) +
		`exec: "serve": executable file not found in $PATH: unknown`
	for name, row := range map[string]struct{ in, begin, end string }{
		"short":     {" fine \n", "fine", "fine"},
		"empty":     {"\n", "", ""},
		"lines":     {"Traceback:\n  File x\n\nKeyError: 'DB'\n", "Traceback: File x"[:10], "; KeyError: 'DB'"},
		"long":      {long, "docker: start myapp-blue-2: ", `exec: "serve": executable file not found in $PATH: unknown`},
		"not ASCII": {strings.Repeat("ä", 1000) + "öé", "ääää", "äöé"},
	} {
		t.Run(name, func(t *testing.T) {
			got := OneLine(row.in)
			if !strings.HasPrefix(got, row.begin) || !strings.HasSuffix(got, row.end) || strings.Contains(got, "\n") || utf8.RuneCountInString(got) > lineHead+lineTail+3 || !utf8.ValidString(got) {
				t.Errorf("got %q", got)
			}
		})
	}
}

// someApp takes connections and says nothing, or refuses them.
type someApp struct {
	carry.Upstream
	refusing bool
}

func (a *someApp) Dial(ctx context.Context, listener string) (*relay.Conn, error) {
	if a.refusing {
		return nil, syscall.ECONNREFUSED
	}
	return a.Upstream.Dial(ctx, listener)
}

func listening(t *testing.T) *someApp {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	to, err := carry.NewTarget(map[string][]netip.AddrPort{"8080": {l.Addr().(*net.TCPAddr).AddrPort()}}, "", netip.Addr{})
	if err != nil {
		t.Fatal(err)
	}
	return &someApp{Upstream: to}
}
