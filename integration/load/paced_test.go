package load

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

func TestPacedCountsEveryRequest(t *testing.T) {
	var n atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		switch i := n.Add(1); {
		case i%10 == 0:
			w.WriteHeader(http.StatusBadGateway)
		case i%10 == 5:
			w.Header().Set("Connection", "close")
		}
	}))
	defer s.Close()
	const rate = 200
	begun := time.Now()
	got, err := RunPaced(context.Background(), Pace{URL: s.URL + "/", Rate: rate, Connections: 4, For: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	due := int(time.Since(begun).Seconds()*rate) + 1
	if int64(got.Requests) != n.Load() || got.Requests < 10 || got.Requests > due || got.Failed != got.Requests/10 || got.Error == "" {
		t.Errorf("the server saw %d requests: %+v", n.Load(), got)
	}
}

// While the server hangs, requests become due all the same, and their wait
// counts although they cannot even be sent.
func TestPacedHasNoCoordinatedOmission(t *testing.T) {
	s := holding(t, func() {})
	got, err := RunPaced(context.Background(), Pace{URL: s + "/", Rate: 100, Connections: 1, For: 500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if got.Longest < 300*time.Millisecond || got.P50 < 50*time.Millisecond {
		t.Errorf("%+v", got)
	}
}

func TestPaceIsChecked(t *testing.T) {
	for _, p := range []Pace{{URL: "http://x/", Connections: 1}, {URL: "http://x/", Rate: 1}, {URL: ":", Rate: 1, Connections: 1}} {
		if _, err := RunPaced(context.Background(), p); err == nil {
			t.Errorf("%+v was run", p)
		}
	}
}
