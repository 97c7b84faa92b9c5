// Package ask sends an app one request, as nginx would for its site. A command
// and the service of a slot ask alike, and neither looks at the environment,
// follows a redirect or keeps a connection.
package ask

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// Limit is how long an answer may take that nobody gives more time.
const Limit = 5 * time.Second

// Request is a GET.
type Request struct {
	Path    string
	Headers []string      // each "Name: value"; they may name the Host
	Host    string        // unless Headers do
	Within  time.Duration // for the answer; 0: Limit
}

// Answer is the head of what the app said; its body is not read.
type Answer struct {
	Status string // "200 OK"
	Code   int
	Header http.Header
}

// OK tells whether the answer is one of an app that is ready.
func (a Answer) OK() bool { return a.Code >= 200 && a.Code < 400 }

// Dialer opens the connection that a request goes over.
type Dialer func(context.Context) (net.Conn, error)

// Over sends the request over a connection of its own and waits for the head of
// the answer.
func (r Request) Over(ctx context.Context, dial Dialer) (Answer, error) {
	within := cmp.Or(r.Within, Limit)
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	c, err := dial(ctx)
	if err != nil {
		return Answer{}, err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })()
	res, err := r.exchange(c) // its body is not closed, which would read it to the end
	if err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("no answer within %s", within)
		}
		return Answer{}, err
	}
	return Answer{Status: res.Status, Code: res.StatusCode, Header: res.Header}, nil
}

func (r Request) exchange(c net.Conn) (*http.Response, error) {
	if _, err := io.WriteString(c, r.head()); err != nil {
		return nil, err
	}
	// An app that sends headers without end is not worth memory.
	from := bufio.NewReader(io.LimitReader(c, 64<<10))
	for {
		res, err := http.ReadResponse(from, nil)
		if err != nil || res.StatusCode >= 200 || res.StatusCode == http.StatusSwitchingProtocols {
			return res, err
		}
	}
}

func (r Request) head() string {
	lines := []string{"GET " + r.Path + " HTTP/1.1"}
	if !names(r.Headers, "Host") {
		lines = append(lines, "Host: "+r.Host)
	}
	lines = append(lines, r.Headers...)
	for _, line := range []string{"User-Agent: edgeman", "Accept: */*"} {
		if name, _, _ := strings.Cut(line, ":"); !names(r.Headers, name) {
			lines = append(lines, line)
		}
	}
	return strings.Join(append(lines, "Connection: close"), "\r\n") + "\r\n\r\n"
}

func names(headers []string, name string) bool {
	for _, h := range headers {
		if n, _, _ := strings.Cut(h, ":"); strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

func TCP(to netip.AddrPort, limit time.Duration) Dialer {
	return func(ctx context.Context) (net.Conn, error) {
		d := net.Dialer{Timeout: limit}
		return d.DialContext(ctx, "tcp", to.String())
	}
}
