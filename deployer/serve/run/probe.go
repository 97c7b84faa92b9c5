package run

import (
	"context"
	"fmt"
	"strings"
	"time"

	"edgeman/deployer/ask"
	"edgeman/deployer/docker"
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

// OneLine is a message for a line of a status: its lines in one, without a hint,
// and cut in the middle if it is long.
func OneLine(s string) string {
	s, _, _ = strings.Cut(s, "\nhint: ")
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
