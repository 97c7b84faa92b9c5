package nginxconf

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"edgeman/nginxconf/internal/config"
)

// Patience is how long nginx waits at one pass for an app that takes the
// connection and does not answer: one that is in the backlog of a Unix socket is
// connected already, so that the timeout for connecting has passed.
type Patience struct {
	Pos       Pos           // of the directive, or of the pass where nginx's default holds
	In        string        // "server example.com, location /api"
	Directive string        // proxy_read_timeout
	Time      time.Duration // until nginx answers 504

	// Sending is the same for a request whose body does not fit into the socket's
	// buffer.
	Sending          time.Duration
	SendingDirective string
}

// What nginx does without a directive.
const (
	defaultTimeout       = 60 * time.Second
	defaultStreamTimeout = 10 * time.Minute
)

// PatienceWith is nginx's patience at each pass that leads to this address, a
// Unix socket as "unix:" and its path.
func (c *Config) PatienceWith(address string) []Patience {
	var out []Patience
	for _, pass := range c.Passes() {
		for _, r := range c.finder.Routes(pass) {
			if r.Opaque == nil && r.Text() == address {
				out = append(out, patience(pass, r.Scheme))
				break
			}
		}
	}
	return out
}

// Patience is nginx's at each place that sends requests to the target.
func (t Target) Patience() []Patience {
	var out []Patience
	for _, uses := range [][]Use{t.Uses, t.Elsewhere} {
		for _, u := range uses {
			out = append(out, patience(u.route.Pass, u.route.Scheme))
		}
	}
	return out
}

func patience(pass *Node, scheme string) Patience {
	if config.Side(pass) == "stream" {
		p := Patience{In: pass.Parent().Path()}
		p.Time, p.Pos = timeout(pass, "proxy_timeout", defaultStreamTimeout)
		p.Directive, p.Sending, p.SendingDirective = "proxy_timeout", p.Time, "proxy_timeout"
		return p
	}
	module := config.Module(pass)
	p := Patience{In: pass.Parent().Path(), Directive: module + "_read_timeout", SendingDirective: module + "_send_timeout"}
	p.Time, p.Pos = timeout(pass, p.Directive, defaultTimeout)
	p.Sending, _ = timeout(pass, p.SendingDirective, defaultTimeout)
	if scheme == "https" || scheme == "grpcs" { // nobody answers the handshake, which is part of connecting
		if t, at := timeout(pass, module+"_connect_timeout", defaultTimeout); t < p.Time {
			p.Directive, p.Time, p.Pos = module+"_connect_timeout", t, at
		}
	}
	return p
}

// timeout is the value of a directive where the pass stands, and its place.
func timeout(pass *Node, name string, otherwise time.Duration) (time.Duration, Pos) {
	for _, d := range pass.Parent().Effective(name) {
		if t, err := ParseDuration(d.Arg(0)); err == nil && t > 0 {
			return t, d.Pos()
		}
	}
	return otherwise, pass.Pos()
}

// units of a time value, from ngx_parse_time; a value without one is seconds.
var units = map[string]time.Duration{
	"ms": time.Millisecond, "s": time.Second, "": time.Second, "m": time.Minute, "h": time.Hour,
	"d": 24 * time.Hour, "w": 7 * 24 * time.Hour, "M": 30 * 24 * time.Hour, "y": 365 * 24 * time.Hour,
}

// ParseDuration reads a time value of an nginx directive, such as "60", "1m30s"
// or "500ms".
func ParseDuration(s string) (time.Duration, error) {
	var total time.Duration
	for rest := s; rest != ""; {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		n, err := strconv.ParseInt(rest[:digits], 10, 32)
		if err != nil {
			return 0, fmt.Errorf("%q is not a time", s)
		}
		rest = rest[digits:]
		unit := strings.IndexAny(rest+" ", "0123456789 ")
		d, ok := units[rest[:unit]]
		if !ok || time.Duration(n) > (math.MaxInt64-total)/d {
			return 0, fmt.Errorf("%q is not a time", s)
		}
		total += time.Duration(n) * d
		rest = strings.TrimLeft(rest[unit:], " ")
	}
	return total, nil
}
