package serve

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"
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
			answer, ok := httpProbe("myapp", tt.path, func(ctx context.Context) (net.Conn, error) {
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
	answer, ok := httpProbe("myapp", "/", func(context.Context) (net.Conn, error) {
		return net.Dial("tcp", l.Addr().String())
	})(t.Context())
	if ok || !strings.HasPrefix(answer, "GET /: ") {
		t.Errorf("got %q, %v", answer, ok)
	}
}

// Through the slot's socket a probe waits for an app that does not listen, so
// that the app itself is asked first: it says why not.
func TestProbeOfAWrongPortSaysSo(t *testing.T) {
	app := newEchoApp(t)
	app.refusing.Store(1)
	r := &runner{through: func() bool { return true }, socket: t.TempDir() + "/nobody"}
	if _, err := r.dialProbe(t.Context(), app); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("%v, want %v", err, syscall.ECONNREFUSED)
	}
	if _, err := r.dialProbe(t.Context(), app); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("%v: the slot's socket was not asked", err)
	}
}
