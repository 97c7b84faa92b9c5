package deployer

import (
	"fmt"

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
