package load

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// enough requests show what they are to show, however long they take.
const enough = 100

// echo answers as the echo app does; breakNth breaks every nth request. The
// context ends when it has got enough of them.
func echo(t *testing.T, breakNth int64, how func(http.ResponseWriter)) (context.Context, string) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	var n atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i := n.Add(1)
		if i == enough {
			cancel()
		}
		if breakNth > 0 && i%breakNth == 0 {
			how(w)
			return
		}
		h := sha256.New()
		io.Copy(h, r.Body)
		fmt.Fprintf(w, `{"version":"v1","method":%q,"uri":%q,"body_sha256":%q}`, r.Method, r.RequestURI, hex.EncodeToString(h.Sum(nil)))
	}))
	t.Cleanup(s.Close)
	return ctx, s.URL
}

func TestEveryFailureCounts(t *testing.T) {
	for name, tt := range map[string]struct {
		nth  int64
		how  func(http.ResponseWriter)
		want string
	}{
		"none":    {0, nil, ""},
		"half":    {10, func(w http.ResponseWriter) { io.WriteString(w, strings.Repeat("x", 9000)); panic(http.ErrAbortHandler) }, "EOF"},
		"status":  {10, func(w http.ResponseWriter) { w.WriteHeader(502) }, "502 Bad Gateway"},
		"foreign": {10, func(w http.ResponseWriter) { io.WriteString(w, `{"version":"v1"}`) }, "the app saw"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, url := echo(t, tt.nth, tt.how)
			r := Run(ctx, Options{URL: url, Rate: 400, PostBytes: 3000})
			if r.Requests < enough {
				t.Errorf("only %d requests", r.Requests)
			}
			want := 0
			if tt.nth > 0 {
				want = r.Requests / int(tt.nth)
			}
			if r.Failed != want || r.Versions["v1"] != r.Requests-want {
				t.Errorf("want %d failures: %v", want, r)
			}
			if tt.want != "" && (len(r.Errors) == 0 || !strings.Contains(r.Errors[0], tt.want)) {
				t.Errorf("errors %q, want %q", r.Errors, tt.want)
			}
		})
	}
}

// A connection that ends before any answer is not a failure yet, but must be seen.
func TestClosedConnectionsAreResentAndCounted(t *testing.T) {
	ctx, url := echo(t, 10, func(http.ResponseWriter) { panic(http.ErrAbortHandler) })
	r := Run(ctx, Options{URL: url, Rate: 400, PostBytes: 3000})
	if cut := (r.Requests + len(r.Resent)) / 10; r.Failed+len(r.Resent) != cut || len(r.Resent) == 0 {
		t.Errorf("the server cut %d connections: %v", cut, r)
	}
}

// holding is a server that answers nothing before its first request has waited
// for 400 ms; then it does, and calls over.
func holding(t *testing.T, over func()) string {
	var first sync.Once
	answer := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		first.Do(func() { time.AfterFunc(400*time.Millisecond, func() { over(); close(answer) }) })
		<-answer
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// A server that stops answering for a while must show in the longest wait of
// many requests, not of one.
func TestOpenLoop(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r := Run(ctx, Options{URL: holding(t, cancel), Rate: 100})
	if r.Longest < 300*time.Millisecond || r.P50 < 50*time.Millisecond {
		t.Errorf("longest %v, median %v", r.Longest, r.P50)
	}
}

// pool is a client's pool of kept connections that the server has closed.
type pool struct{ stale bool }

func (p *pool) CloseIdleConnections() { p.stale = false }

func (p *pool) RoundTrip(*http.Request) (*http.Response, error) {
	if p.stale {
		return nil, io.EOF
	}
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}

// A reload closes all idle connections at once. A request that meets one of
// them must not meet the next one when it is sent again.
func TestResentOnAFreshConnection(t *testing.T) {
	r := &run{}
	req := httptest.NewRequest(http.MethodPost, "http://127.0.0.1/", strings.NewReader("x"))
	req.RequestURI = ""
	if _, err := r.send(&http.Client{Transport: &pool{stale: true}}, req); err != nil {
		t.Fatal(err)
	}
	if len(r.result.Resent) != 1 {
		t.Errorf("sent again %d times", len(r.result.Resent))
	}
}
