package run

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"edgeman/deployer/ask"
	"edgeman/deployer/docker"
	"edgeman/deployer/poll"
	"edgeman/deployer/serve/carry"
	"edgeman/deployer/state"
)

const (
	probeMin  = 50 * time.Millisecond // between probes of an app that starts
	probeMax  = 500 * time.Millisecond
	dialLimit = 2 * time.Second
	execLimit = 30 * time.Second // even if the image allows its check more
)

// probe asks the app once whether it is ready. The answer is one line for
// people, in either case.
type probe func(ctx context.Context) (answer string, ok bool)

// httpProbe sends a request over a connection from dial.
func httpProbe(r ask.Request, dial ask.Dialer) probe {
	return func(ctx context.Context) (string, bool) {
		answer, err := r.Over(ctx, dial)
		if err != nil {
			return fmt.Sprintf("GET %s: %v", r.Path, err), false
		}
		return fmt.Sprintf("GET %s: %s", r.Path, answer.Status), answer.OK()
	}
}

// healthRequest is how the release's app is asked whether it is ready.
func healthRequest(r state.Release) ask.Request {
	return ask.Request{Path: state.HealthPath(r.Health), Headers: r.HealthHeaders, Host: r.App}
}

// execProbe runs the image's own check inside the container. Docker runs it
// too, but for the first time after a whole interval.
func execProbe(e Engine, id string, h docker.Healthcheck) probe {
	return func(ctx context.Context) (string, bool) {
		ctx, cancel := context.WithTimeout(ctx, min(h.Timeout, execLimit))
		defer cancel()
		code, output, err := e.Exec(ctx, id, h.Command)
		if err != nil {
			return "health check: " + OneLine(err.Error()), false
		}
		return strings.TrimRight(fmt.Sprintf("health check: exit %d %s", code, OneLine(output)), " "), code == 0
	}
}

// dialProbe is satisfied when the app's port takes a connection.
func dialProbe(up carry.Upstream) probe {
	return func(ctx context.Context) (string, bool) {
		ctx, cancel := context.WithTimeout(ctx, dialLimit)
		defer cancel()
		c, err := up.Dial(ctx)
		if err != nil {
			return "connect: " + err.Error(), false
		}
		defer c.Close()
		return fmt.Sprintf("connect: %s accepts", c.Peer()), true
	}
}

const (
	lineHead = 100 // how much of the beginning of a long message is kept
	lineTail = 300 // and of its end, where runtimes, tracebacks and shells say why
)

// OneLine is a message for a line of a status: its lines in one, and cut in the
// middle if it is long.
func OneLine(s string) string {
	var lines []string
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	text := []rune(strings.Join(lines, "; "))
	if len(text) <= lineHead+lineTail {
		return string(text)
	}
	return string(text[:lineHead]) + " … " + string(text[len(text)-lineTail:])
}

// probe chooses how to ask whether the app is ready: its HTTP path, else the
// image's own check unless the app file says otherwise, else whether its port
// takes a connection.
func (r *runner) probe(e Engine, c docker.Container, up carry.Upstream) probe {
	switch {
	case state.HealthPath(r.release.Health) != "":
		return httpProbe(healthRequest(r.release), func(ctx context.Context) (net.Conn, error) {
			return r.dialProbe(ctx, up)
		})
	case c.Healthcheck != nil && r.release.Health != state.HealthConnect:
		return execProbe(e, c.ID, *c.Healthcheck)
	}
	return dialProbe(up)
}

// dialProbe opens a probe's connection: through the slot's socket, as nginx
// will, while nobody else uses it, and straight to the app when requests wait
// there, because they would be in front of the probe.
func (r *runner) dialProbe(ctx context.Context, up carry.Upstream) (net.Conn, error) {
	// An app that does not listen, perhaps on another port, says so here at once.
	// Through the socket a probe would wait for it.
	c, err := up.Dial(ctx)
	if err != nil {
		return nil, err
	}
	if r.throughSocket() {
		c.Close()
		var d net.Dialer
		return d.DialContext(ctx, "unix", r.socket)
	}
	return c.Net()
}

// throughSocket tells whether nobody but probes comes to the slot's socket, which
// then shows the way as a whole. It would lead to any of several containers.
func (r *runner) throughSocket() bool { return r.release.Count() == 1 && r.slot.ThroughSocket.Load() }

// watchHealth probes until the app is healthy. An app that was healthy before,
// and is not so again after its patience, gets its requests all the same: what
// it answers is for its users to see.
func (r *runner) watchHealth(ctx context.Context, ask probe) {
	begun := time.Now()
	for wait := probeMin; ; wait = min(2*wait, probeMax) {
		asked := time.Now()
		answer, ok := ask(ctx)
		if ctx.Err() != nil {
			return
		}
		late := time.Since(begun) > r.patience
		r.set(func(c *Condition) {
			c.Probe = answer
			switch {
			case ok:
				c.Phase, c.Message = state.PhaseHealthy, ""
			case late && c.Message == "":
				c.Message = "not healthy for " + r.patience.String() + ", its requests are let through"
			}
		})
		if ok {
			return
		}
		poll.Sleep(ctx, wait-time.Since(asked))
	}
}
