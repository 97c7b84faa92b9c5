package nginx

import (
	"fmt"
	"time"
)

// Bound is how many requests nginx can hold back while nobody accepts them.
type Bound struct {
	Requests    int           // at the same time, at best
	ReadTimeout time.Duration // how long each of them waits (proxy_read_timeout)
	By          string        // what the limit comes from
}

// WaitBound computes the bound. A waiting request holds two of a worker's
// connections, the client's and the upstream's, and one place in the slot
// socket's backlog, which somaxconn caps; a Unix socket with a full backlog
// refuses at once (EAGAIN, which nginx answers with 502). Connections spread
// unevenly over workers, so the real bound is lower.
func WaitBound(workers, workerConnections, somaxconn int, readTimeout time.Duration) Bound {
	b := Bound{
		Requests:    workers * workerConnections / 2,
		ReadTimeout: readTimeout,
		By:          fmt.Sprintf("%d workers × %d worker_connections / 2", workers, workerConnections),
	}
	if somaxconn > 0 && somaxconn < b.Requests {
		b.Requests, b.By = somaxconn, "net.core.somaxconn"
	}
	return b
}

// Fits says whether requests that come at the rate per second can all wait
// for that long.
func (b Bound) Fits(rate float64, wait time.Duration) bool {
	return wait < b.ReadTimeout && rate*wait.Seconds() <= float64(b.Requests)
}

func (b Bound) String() string {
	return fmt.Sprintf("at most %d requests can wait (%s), each at most %s (proxy_read_timeout)", b.Requests, b.By, b.ReadTimeout)
}
