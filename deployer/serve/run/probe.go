package run

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"edgeman/deployer/ask"
	"edgeman/deployer/docker"
	"edgeman/deployer/poll"
	"edgeman/deployer/serve/carry"
	"edgeman/deployer/state"
	"edgeman/deployer/words"
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
	text := []rune(words.Joined(s))
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
	// Alone there, or it would lead to any of several containers.
	if r.release.Count() == 1 && r.slot.ThroughSocket.Load() {
		c.Close()
		var d net.Dialer
		return d.DialContext(ctx, "unix", r.socket)
	}
	return c.Net()
}

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

// An app that was healthy once is not asked again while it answers requests. When
// requests wait in it and nothing comes back, it is: somebody may have paused its
// container, or taken away the network that it had joined.

// AskWhySilent asks each container why nothing comes back from it.
func (g *Group) AskWhySilent() {
	for _, r := range g.runners {
		go r.askWhySilent()
	}
}

// Answers says that something comes back again.
func (g *Group) Answers() {
	for _, r := range g.runners {
		r.forgetSilence()
	}
}

// life is the running container that a runner looks after, and how to ask it.
type life struct {
	ctx context.Context
	end context.CancelCauseFunc
	e   Engine
	c   docker.Container
	ask probe
}

// askWhySilent asks a container that gives nothing back. One that is cut off is
// started anew: nothing will ever come from it.
func (r *runner) askWhySilent() {
	r.mu.Lock()
	l, healthy := r.life, r.now.Phase == state.PhaseHealthy
	r.mu.Unlock()
	if l == nil || !healthy || !r.asking.TryLock() {
		return
	}
	defer r.asking.Unlock()
	why := r.whySilent(l)
	if l.ctx.Err() == nil && why != r.condition().Silent {
		if why != "" {
			r.slot.Log("%s: %s", r.name, why)
		}
		r.set(func(c *Condition) { c.Silent = why })
	}
}

func (r *runner) whySilent(l *life) string {
	ctx, cancel := context.WithTimeout(l.ctx, callLimit)
	defer cancel()
	c, err := l.e.Inspect(ctx, l.c.ID)
	switch {
	case err != nil: // how its life ends is not found out here
	case c.Status == "paused" && !r.slot.Frozen.Load():
		return fmt.Sprintf("the container is paused, and not by edgeman: docker unpause %s", r.name)
	case c.Adrift != "":
		l.end(errors.New(c.Adrift))
		return c.Adrift
	}
	if answer, ok := l.ask(l.ctx); !ok {
		return "nothing comes back from it: " + answer
	}
	return "" // slow, and well
}

// forgetSilence is for one that gives something back again.
func (r *runner) forgetSilence() {
	if r.condition().Silent != "" {
		r.set(func(c *Condition) { c.Silent = "" })
	}
}
