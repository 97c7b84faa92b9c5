package run

import (
	"context"
	"net"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/poll"
	"edgeman/deployer/serve/carry"
	"edgeman/deployer/state"
)

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
