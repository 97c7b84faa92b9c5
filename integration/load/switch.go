package load

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"
)

// Switches asks address for one small answer after the other, each on a new
// connection, until ctx ends, and looks at the symlink link before each. For
// every change of the app's version it returns the time from the last look at
// which the link was the old one to the end of the first answer of the new
// version: an upper bound of what the switch took, wide by one request.
func Switches(ctx context.Context, link, address string) ([]time.Duration, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	s := switches{
		look: func() (string, error) { return os.Readlink(link) },
		ask:  func() (string, error) { return askVersion(u) },
		now:  time.Now,
	}
	for ctx.Err() == nil {
		if err := s.step(); err != nil {
			return nil, err
		}
	}
	return s.took, nil
}

type switches struct {
	look func() (target string, err error)
	ask  func() (version string, err error)
	now  func() time.Time

	target  string    // of the link when version began to answer
	version string    // that answers
	oldAt   time.Time // the last look that found target
	took    []time.Duration
}

func (s *switches) step() error {
	looked := s.now()
	target, err := s.look()
	if err != nil {
		return err
	}
	if target == s.target {
		s.oldAt = looked
	}
	version, err := s.ask()
	if err != nil || version == s.version {
		return err
	}
	if s.version != "" {
		s.took = append(s.took, s.now().Sub(s.oldAt))
	}
	s.version, s.oldAt = version, s.now()
	s.target, err = s.look() // the look above may have been before the switch
	return err
}

func askVersion(u *url.URL) (string, error) {
	c, err := net.DialTimeout("tcp", hostPort(u), askTimeout)
	if err != nil {
		return "", err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(askTimeout))
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", u.RequestURI(), u.Host)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.Header.Get("X-Version"), err
}
