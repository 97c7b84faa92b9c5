package check

import (
	"fmt"
	"slices"
	"strings"

	dockerlabel "edgeman/deployer/docker/label"
)

// ours reports whether nginx or edgeman has to do with the container.
func (h *host) ours(c Container) bool {
	if c.Labels[dockerlabel.App] != "" {
		return true
	}
	for _, u := range h.upstreams {
		for _, p := range u.peers {
			if p.unix == "" && slices.ContainsFunc(c.Published, func(a string) bool { return samePort(a, p.addr.String()) }) {
				return true
			}
		}
	}
	return false
}

// samePort compares a published address with an upstream's: a container
// published on every address is reached on loopback too.
func samePort(published, address string) bool {
	i, j := strings.LastIndexByte(published, ':'), strings.LastIndexByte(address, ':')
	if i < 0 || j < 0 || published[i:] != address[j:] {
		return false
	}
	host := strings.Trim(published[:i], "[]")
	return published == address || host == "0.0.0.0" || host == "::" || host == ""
}

var ruleContainerUnhealthy = Rule{
	Code: "container-unhealthy", Title: "a container is unhealthy", Worst: Critical, Needs: []need{needDocker}, Twice: true,
	What: "Docker's own health check fails for a container behind nginx or of an adopted app. The evidence has the last probe's output.",
	Why:  "Docker does nothing about it: an unhealthy container is neither stopped nor restarted.",
	Fix:  "`docker inspect --format '{{json .State.Health}}' NAME`; for an adopted app `edgeman logs APP` and `edgeman rollback APP`.",
	look: containerUnhealthy,
}

func containerUnhealthy(h *host, report func(Finding)) {
	for _, c := range h.containers {
		if !c.Running || c.Paused || c.Health != "unhealthy" || !h.ours(c) { // a paused one is its own finding
			continue
		}
		f := Finding{
			Severity: Critical, Subject: Subject{"container", c.Name},
			Message:  fmt.Sprintf("the container %s (%s) is unhealthy: %d probes in a row failed", c.Name, c.Image, c.FailingStreak),
			Hint:     "docker inspect --format '{{json .State.Health}}' " + c.Name,
			Evidence: []fact{{"last_probe", clean(c.HealthOutput)}},
		}
		if app := c.Labels[dockerlabel.App]; app != "" {
			f.Sites = []string{app}
			f.Hint = "edgeman logs " + app + "; edgeman rollback " + app
		}
		report(f)
	}
}
