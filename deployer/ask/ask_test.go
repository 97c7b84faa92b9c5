package ask

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestOver(t *testing.T) {
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/hangs":
			<-release
		case r.URL.Path == "/streams":
			_ = http.NewResponseController(w).Flush()
			<-release
		case r.URL.Path == "/early":
			w.WriteHeader(http.StatusEarlyHints)
		case r.Host != "example.com":
			http.Error(w, "not my name", http.StatusBadRequest)
		case r.Header.Get("X-Forwarded-Proto") != "https":
			http.Redirect(w, r, "https://example.com/", http.StatusMovedPermanently)
		case len(r.Header.Values("User-Agent")) != 1 || !r.Close:
			http.Error(w, "odd", http.StatusTeapot)
		}
	}))
	defer srv.Close()
	defer close(release)
	dial := func(context.Context) (net.Conn, error) { return net.Dial("tcp", srv.Listener.Addr().String()) }
	tests := []struct {
		name string
		r    Request
		want string
	}{
		{"another name", Request{Path: "/", Host: "myapp"}, "400 Bad Request"},
		{"over http", Request{Path: "/", Host: "example.com"}, "301 Moved Permanently"},
		{"as the site asks", Request{Path: "/", Host: "myapp", Headers: []string{"host: example.com", "X-Forwarded-Proto: https"}}, "200 OK"},
		{"an agent of its own", Request{Path: "/", Host: "example.com", Headers: []string{"User-Agent: x", "X-Forwarded-Proto: https"}}, "200 OK"},
		{"an answer before the answer", Request{Path: "/early", Host: "x"}, "200 OK"},
		{"the head of one without end", Request{Path: "/streams", Host: "x", Within: time.Minute}, "200 OK"},
		{"none", Request{Path: "/hangs", Within: 50 * time.Millisecond}, "no answer within 50ms"},
	}
	start := time.Now()
	for _, tt := range tests {
		a, err := tt.r.Over(t.Context(), dial)
		got := a.Status
		if err != nil {
			got = err.Error()
		}
		if got != tt.want || a.OK() != (strings.HasPrefix(got, "2") || strings.HasPrefix(got, "3")) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("they took %s", took)
	}
}
