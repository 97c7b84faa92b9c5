package serve

import (
	"context"
	"fmt"
	"strings"
	"time"

	"edgeman/deployer/ask"
	"edgeman/deployer/docker"
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
func execProbe(e engine, id string, h docker.Healthcheck) probe {
	return func(ctx context.Context) (string, bool) {
		ctx, cancel := context.WithTimeout(ctx, min(h.Timeout, execLimit))
		defer cancel()
		code, output, err := e.Exec(ctx, id, h.Command)
		if err != nil {
			return "health check: " + firstLine(err.Error()), false
		}
		return strings.TrimRight(fmt.Sprintf("health check: exit %d %s", code, firstLine(output)), " "), code == 0
	}
}

// dialProbe is satisfied when the app's port takes a connection.
func dialProbe(up upstream) probe {
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

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line[:min(len(line), 200)]
}
