package nginx

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestReloadUnderLoad changes the answer and reloads, again and again, while
// clients ask with and without keepalive. EDGEMAN_RELOADS sets how often; the
// default keeps the test short.
func TestReloadUnderLoad(t *testing.T) {
	reloads := 10
	if s := os.Getenv("EDGEMAN_RELOADS"); s != "" {
		n, err := strconv.Atoi(s)
		must(t, err)
		reloads = n
	}
	n := start(t)
	l := load{url: fmt.Sprintf("http://127.0.0.1:%d/", n.port)}
	stop := l.run(t, 4)
	var longest time.Duration
	for i := range reloads {
		want := fmt.Sprintf("v%d", i)
		put(t, n.path("sites-available/app"), site(n.port, want))
		began := time.Now()
		if _, err := n.server.Reload(soon(t)); err != nil {
			t.Fatalf("reload %d: %v", i, err)
		}
		longest = max(longest, time.Since(began))
		n.answers(want) // nothing old accepts once Reload has returned
	}
	stop()
	t.Logf("%d reloads, longest %s; %d requests, %d failed", reloads, longest, l.asked.Load(), l.failed.Load())
	if l.failed.Load() > 0 {
		t.Errorf("first failure: %v", l.first.Load())
	}
	if l.asked.Load() < int64(reloads) {
		t.Error("the load was too light to prove anything")
	}
}

// load asks the same URL from several clients until it is stopped.
type load struct {
	url           string
	asked, failed atomic.Int64
	first         atomic.Value // error text
}

func (l *load) run(t *testing.T, clients int) (stop func()) {
	var wg sync.WaitGroup
	quit := make(chan struct{})
	for i := range clients {
		client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: i%2 == 0}}
		wg.Go(func() {
			defer client.CloseIdleConnections()
			for {
				select {
				case <-quit:
					return
				default:
					l.ask(client)
				}
			}
		})
	}
	var once sync.Once
	stop = func() { once.Do(func() { close(quit); wg.Wait() }) }
	t.Cleanup(stop)
	return stop
}

func (l *load) ask(client *http.Client) {
	l.asked.Add(1)
	resp, err := client.Get(l.url)
	if err == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if err == nil && resp.StatusCode != http.StatusOK {
			err = fmt.Errorf("status %s", resp.Status)
		}
	}
	if err != nil {
		l.failed.Add(1)
		l.first.CompareAndSwap(nil, err.Error())
	}
}
