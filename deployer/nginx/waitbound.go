package nginx

import (
	"fmt"
	"time"

	"edgeman/deployer/words"
)

// Bound is how many requests nginx can hold back while nobody accepts them.
type Bound struct {
	Requests int    // at the same time, at best
	By       string // what the limit comes from
	Raise    string // the setting that gives more

	Timeout   time.Duration // how long each of them waits
	Directive string        // which says so, such as proxy_read_timeout
	Where     string        // it holds, for people; empty when that is not known
	Sending   time.Duration // how long one waits whose body the socket's buffer does not take; 0 when not known
	SendingBy string
}

// WaitBound computes the bound. A waiting request holds two of a worker's
// connections, the client's and the upstream's, each an open file, and one
// place in the slot socket's backlog, which somaxconn caps; a Unix socket with
// a full backlog refuses at once (EAGAIN, which nginx answers with 502).
// Connections spread unevenly over workers, so the real bound is lower.
// What is 0 among openFiles and somaxconn is not known and limits nothing.
func WaitBound(workers, workerConnections, openFiles, somaxconn int, timeout time.Duration) Bound {
	each, by := workerConnections, "worker_connections"
	raise := by
	if openFiles > 0 && openFiles < each {
		each, by, raise = openFiles, "open files", "worker_rlimit_nofile"
	}
	b := Bound{
		Requests: workers * each / 2, Timeout: timeout, Directive: "proxy_read_timeout",
		By: fmt.Sprintf("%d workers × %d %s / 2", workers, each, by), Raise: raise,
	}
	if somaxconn > 0 && somaxconn < b.Requests {
		b.Requests, b.By, b.Raise = somaxconn, "net.core.somaxconn", "net.core.somaxconn"
	}
	return b
}

// Fits says whether requests that come at the rate per second can all wait
// for that long.
func (b Bound) Fits(rate float64, wait time.Duration) bool {
	return wait < b.Timeout && rate*wait.Seconds() <= float64(b.Requests)
}

// Longest is the longest wait that fits at a rate per second.
func (b Bound) Longest(rate float64) time.Duration {
	if rate <= 0 {
		return b.Timeout
	}
	return min(b.Timeout, time.Duration(float64(b.Requests)/rate*float64(time.Second)))
}

func (b Bound) String() string {
	return fmt.Sprintf("at most %d requests can wait (%s), each at most %s (%s)", b.Requests, b.By, words.Length(b.Timeout), b.Directive)
}
