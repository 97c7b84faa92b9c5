package adopt

import (
	"context"
	"fmt"
	"slices"

	"edgeman/deployer/ask"
	"edgeman/deployer/state"
)

// chooseHealth decides how the app is asked whether it is ready: by what the
// operator said, with the headers that its site sends it. A HEALTHCHECK that fails
// while the app serves would fail for every new container, too.
func (c *candidate) chooseHealth(o Options) {
	c.health, c.headers = o.Health, c.healthWay(o).sends(o)
	for _, ct := range c.containers {
		if ct.Unhealthy == "" {
			continue
		}
		judged := "the request for " + o.Health + " decides instead"
		if state.HealthPath(c.health) == "" {
			c.health = state.HealthConnect
			judged = "it counts as ready when its port accepts a connection; --health PATH sets a better check"
		}
		c.warnings = append(c.warnings, fmt.Sprintf("Docker already calls container %s unhealthy (its HEALTHCHECK says: %s), so that check is not used: %s", ct.Name, ct.Unhealthy, judged))
		return
	}
}

// healthWay is the way that the app is asked for its health on.
func (c candidate) healthWay(o Options) way {
	name := state.Release{Health: o.Health, Listeners: c.listeners()}.HealthListener().Name
	return c.ways[slices.IndexFunc(c.ways, func(w way) bool { return w.listener().Name == name })]
}

// sends are the headers that go with a request on the way: those that the operator
// said, else those that its site sends.
func (w way) sends(o Options) []string {
	headers := o.HealthHeaders
	if len(headers) == 0 {
		headers = w.targets[0].RequestHeaders()
	}
	if state.ValidHeaders(headers) != nil { // nginx sends what no header may hold
		return nil
	}
	return headers
}

// warnHealth tells when the app that serves now would not count as ready.
func (c *candidate) warnHealth(ctx context.Context) {
	path, to := state.HealthPath(c.health), c.healthWay(Options{Health: c.health}).targets[0]
	if path == "" || to.Protocol != "http" {
		return
	}
	q := ask.Request{Path: path, Headers: c.headers, Host: c.containers[0].Name}
	answer, err := q.Over(ctx, ask.TCP(to.Addr, ask.Limit))
	if err == nil && !answer.OK() {
		c.warnings = append(c.warnings, fmt.Sprintf("GET %s is answered with %s now; a new container that answers like that does not count as ready", path, answer.Status))
	}
}
