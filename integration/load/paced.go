package load

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"
)

// Pace says at which rate to ask for one small answer again and again. Unlike
// Options it is about time and not about loss: the client costs little, so that
// what is measured is the server.
type Pace struct {
	URL         string
	Rate        int // requests a second
	Connections int // kept open to the server; more requests than that wait, and the wait counts
	For         time.Duration
}

// Paced is how long the answers took, each counted from the moment its request
// was due: a request that could not start because earlier ones hung has waited
// too (no coordinated omission).
type Paced struct {
	Requests int           `json:"requests"`
	Failed   int           `json:"failed"`
	P50      time.Duration `json:"p50_ns"`
	P99      time.Duration `json:"p99_ns"`
	P999     time.Duration `json:"p999_ns"`
	Longest  time.Duration `json:"longest_ns"`
	Error    string        `json:"error,omitempty"` // the first
}

// RunPaced sends until p.For is over or ctx ends.
func RunPaced(ctx context.Context, p Pace) (Paced, error) {
	u, err := url.Parse(p.URL)
	if err != nil {
		return Paced{}, err
	}
	if p.Rate <= 0 || p.Connections <= 0 {
		return Paced{}, fmt.Errorf("a rate of %d on %d connections", p.Rate, p.Connections)
	}
	ctx, cancel := context.WithTimeout(ctx, p.For)
	defer cancel()
	due := make(chan time.Time, int(p.For.Seconds()+1)*p.Rate)
	go func() {
		defer close(due)
		tick(ctx, p.Rate, due)
	}()
	var (
		mu     sync.Mutex
		wg     sync.WaitGroup
		result Paced
		waits  = hdrhistogram.New(1, time.Hour.Microseconds(), 3)
	)
	for range p.Connections {
		c := &asker{address: hostPort(u), request: fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", u.RequestURI(), u.Host)}
		wg.Go(func() {
			defer c.close()
			for t := range due {
				err := c.ask()
				wait := time.Since(t)
				mu.Lock()
				result.add(wait, err)
				waits.RecordValue(wait.Microseconds())
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	result.P50 = time.Duration(waits.ValueAtQuantile(50)) * time.Microsecond
	result.P99 = time.Duration(waits.ValueAtQuantile(99)) * time.Microsecond
	result.P999 = time.Duration(waits.ValueAtQuantile(99.9)) * time.Microsecond
	return result, nil
}

func (p *Paced) add(wait time.Duration, err error) {
	p.Requests++
	p.Longest = max(p.Longest, wait)
	if err == nil {
		return
	}
	p.Failed++
	if p.Error == "" {
		p.Error = err.Error()
	}
}

// tick says when each request is due. It sleeps in the kernel on a thread of its
// own: Go's timers round up to a millisecond while everything else is idle.
func tick(ctx context.Context, rate int, due chan<- time.Time) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := time.Now()
	for i := 0; ctx.Err() == nil; i++ {
		t := start.Add(time.Duration(i) * time.Second / time.Duration(rate))
		if wait := time.Until(t); wait > 0 {
			sleep := unix.NsecToTimespec(wait.Nanoseconds())
			unix.Nanosleep(&sleep, nil)
		}
		select {
		case due <- t:
		default: // as many wait as are due in the whole run
			return
		}
	}
}

// asker sends one request after the other on a connection.
type asker struct {
	address string
	request []byte
	conn    net.Conn
	in      *bufio.Reader
}

// askTimeout is for one answer.
const askTimeout = 10 * time.Second

func (a *asker) ask() (err error) {
	defer func() {
		if err != nil {
			a.close()
		}
	}()
	if a.conn == nil {
		if a.conn, err = net.DialTimeout("tcp", a.address, askTimeout); err != nil {
			return err
		}
		a.in = bufio.NewReader(a.conn)
	}
	a.conn.SetDeadline(time.Now().Add(askTimeout))
	if _, err := a.conn.Write(a.request); err != nil {
		return err
	}
	resp, err := http.ReadResponse(a.in, nil)
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.Close { // nginx ends a connection after keepalive_requests
		a.close()
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %s", resp.Status)
	}
	return nil
}

func (a *asker) close() {
	if a.conn != nil {
		a.conn.Close()
		a.conn = nil
	}
}
