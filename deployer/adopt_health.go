package deployer

import (
	"context"
	"fmt"

	"edgeman/deployer/ask"
	"edgeman/deployer/state"
)

// chooseHealth decides how the app is asked whether it is ready: by what the
// operator said, with the headers that its site sends it. A check of the image's
// that fails while the app serves would keep every new container from it.
func (c *candidate) chooseHealth(o AdoptOptions) {
	c.health, c.headers = o.Health, o.HealthHeaders
	if len(c.headers) == 0 {
		c.headers = c.targets[0].RequestHeaders()
	}
	if state.ValidHeaders(c.headers) != nil { // nginx sends what no header may hold
		c.headers = nil
	}
	for _, ct := range c.containers {
		if ct.Unhealthy == "" {
			continue
		}
		judged := "the request for " + o.Health + " decides instead"
		if state.HealthPath(c.health) == "" {
			c.health = state.HealthConnect
			judged = "it counts as ready when its port takes a connection; --health PATH asks it for something better"
		}
		c.warnings = append(c.warnings, fmt.Sprintf("Docker calls container %s unhealthy already (its HEALTHCHECK says: %s), so the check is left out: %s", ct.Name, ct.Unhealthy, judged))
		return
	}
}

// warnHealth tells when the app that serves now would not count as ready.
func (c *candidate) warnHealth(ctx context.Context) {
	path := state.HealthPath(c.health)
	if path == "" || c.targets[0].Protocol != "http" {
		return
	}
	q := ask.Request{Path: path, Headers: c.headers, Host: c.containers[0].Name}
	answer, err := q.Over(ctx, dialTCP(c.targets[0].Addr, ask.Limit))
	if err == nil && !answer.OK() {
		c.warnings = append(c.warnings, fmt.Sprintf("GET %s is answered with %s now, and a new container that answers so is not taken for ready", path, answer.Status))
	}
}
