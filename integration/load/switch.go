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

// Switches asks url for one small answer after the other, each on a new
// connection, until ctx ends, and looks at the symlink before each. For every
// change of the app's version it returns the time from the last look at which
// the link still named what it had named before, to the end of the first answer
// of the new version: an upper bound of how long the switch took, wide by one
// request.
func Switches(ctx context.Context, link, address string) ([]time.Duration, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	s := switches{target: "none yet"}
	for ctx.Err() == nil {
		looked := time.Now()
		target, err := os.Readlink(link)
		if err != nil {
			return nil, err
		}
		s.look(target, looked)
		version, err := askVersion(u)
		if err != nil {
			return nil, err
		}
		s.answer(version, time.Now())
	}
	return s.took, nil
}

// switches pairs changes of the link with changes of the version.
type switches struct {
	target   string
	sameAt   time.Time // when the link was last seen naming target
	oldAt    time.Time // when it was last seen naming what was before
	version  string
	answered bool
	took     []time.Duration
}

func (s *switches) look(target string, at time.Time) {
	if target != s.target {
		s.oldAt, s.target, s.answered = s.sameAt, target, false
	}
	s.sameAt = at
}

// answer may come before the look that sees the new target.
func (s *switches) answer(version string, at time.Time) {
	if s.version != "" && version != s.version && !s.answered {
		from := s.oldAt
		if from.IsZero() || s.took != nil && from.Before(s.oldAt) {
			from = s.sameAt
		}
		s.took = append(s.took, at.Sub(from))
		s.answered = true
	}
	s.version = version
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
