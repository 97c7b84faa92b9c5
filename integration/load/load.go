// Package load is an open-loop HTTP client for drop-free claims: requests start
// when they are due, however slow the answers are, and every single failure is
// counted and the first ones kept word for word. It expects the echo app at the
// other end and checks that what comes back is what was sent.
package load

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Options say what to send. Every Rate-th of a second a request starts: GET and
// POST in turn if PostBytes is set. Websockets sessions and Downloads run beside
// them all the time.
type Options struct {
	URL       string        // http://host:port/path, the echo app behind it
	Host      string        // Host header; empty: from URL
	Rate      int           // requests a second; 0: none
	PostBytes int           // size of POST bodies; 0: GET only
	Keepalive bool          // reuse client connections; net/http then repeats a GET whose connection broke before an answer
	Query     string        // added to each request, for example "delay=50ms"
	Plain     bool          // the app is no echo: its answer only has to be 200, and its version is in X-Version
	Timeout   time.Duration // for one request; default 90s

	Websockets     int           // sessions kept open
	WebsocketEvery time.Duration // between messages of a session; default 50ms
	WebsocketLife  time.Duration // a session is ended after a random part of it and followed by the next; 0: none ends
	Downloads      int           // kept running, one after the other each
	DownloadBytes  int           // size of one download; default 1 MiB
	DownloadDrip   time.Duration // pause after each 64 KiB of it
}

// Result is what happened. Failed counts requests; a request whose answer is
// wrong in any way (status, body, echo of what was sent) is a failure.
type Result struct {
	Requests int `json:"requests"`
	Failed   int `json:"failed"`
	// Resent are the times since the start at which a request was repeated because
	// its connection was closed before any byte of an answer.
	Resent  []time.Duration `json:"resent_ns,omitempty"`
	Longest time.Duration   `json:"longest_ns"` // from when a request was due to the end of its answer
	P50     time.Duration   `json:"p50_ns"`
	P99     time.Duration   `json:"p99_ns"`
	// Versions counts good answers, websocket sessions and downloads by the app's version.
	Versions map[string]int `json:"versions"`
	// Errors are the first failures, word for word, each with its time since the start.
	Errors []string `json:"errors,omitempty"`

	Sessions        int `json:"sessions"`         // websocket sessions opened
	SessionsBroken  int `json:"sessions_broken"`  // that ended before the client ended them
	Messages        int `json:"messages"`         // echoed back
	Downloads       int `json:"downloads"`        // completed, hash verified
	DownloadsBroken int `json:"downloads_broken"` // cut short or wrong

	Elapsed time.Duration `json:"elapsed_ns"`
}

// Broken is the number of everything that went wrong.
func (r Result) Broken() int { return r.Failed + r.SessionsBroken + r.DownloadsBroken }

func (r Result) String() string {
	return fmt.Sprintf("%d requests, %d failed, %d resent, longest %v; %d sessions, %d broken, %d messages; %d downloads, %d broken; versions %v; %q",
		r.Requests, r.Failed, len(r.Resent), r.Longest.Round(time.Millisecond), r.Sessions, r.SessionsBroken, r.Messages,
		r.Downloads, r.DownloadsBroken, r.Versions, r.Errors)
}

// maxErrors of all kinds are kept.
const maxErrors = 8

type run struct {
	Options
	start time.Time

	mu     sync.Mutex
	result Result
	waits  *hdrhistogram.Histogram // microseconds
}

// Run sends until ctx ends, waits for the answers still due, and reports.
func Run(ctx context.Context, o Options) Result {
	if o.Timeout == 0 {
		o.Timeout = 90 * time.Second // nginx gives up after 60
	}
	if o.WebsocketEvery == 0 {
		o.WebsocketEvery = 50 * time.Millisecond
	}
	if o.DownloadBytes == 0 {
		o.DownloadBytes = 1 << 20
	}
	r := &run{
		Options: o, start: time.Now(),
		result: Result{Versions: map[string]int{}},
		waits:  hdrhistogram.New(1, time.Hour.Microseconds(), 3),
	}
	var wg sync.WaitGroup
	for range o.Websockets {
		wg.Go(func() { r.websockets(ctx) })
	}
	for range o.Downloads {
		wg.Go(func() { r.downloads(ctx) })
	}
	r.requests(ctx, &wg)
	<-ctx.Done()
	wg.Wait()
	r.result.Elapsed = time.Since(r.start)
	r.result.P50 = time.Duration(r.waits.ValueAtQuantile(50)) * time.Microsecond
	r.result.P99 = time.Duration(r.waits.ValueAtQuantile(99)) * time.Microsecond
	return r.result
}

// requests starts each request when it is due. If this process was held up, it
// catches up at once and the wait counts from the due time all the same.
func (r *run) requests(ctx context.Context, wg *sync.WaitGroup) {
	if r.Rate <= 0 {
		return
	}
	client := r.client()
	for i := 0; ; i++ {
		due := r.start.Add(time.Duration(i) * time.Second / time.Duration(r.Rate))
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(due)):
		}
		wg.Go(func() {
			version, err := r.one(client, i)
			r.record(func(res *Result) *int { res.Requests++; return &res.Failed }, version, err, time.Since(due))
		})
	}
}

// record counts one event; count returns where its failures are counted.
func (r *run) record(count func(*Result) *int, version string, err error, wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	failed := count(&r.result)
	if wait > 0 {
		r.result.Longest = max(r.result.Longest, wait)
		r.waits.RecordValue(wait.Microseconds())
	}
	if err == nil {
		r.result.Versions[version]++
		return
	}
	*failed++
	if len(r.result.Errors) < maxErrors {
		r.result.Errors = append(r.result.Errors, fmt.Sprintf("%.3fs: %v", time.Since(r.start).Seconds(), err))
	}
}
