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

var ruleContainerDrift = Rule{
	Code: "container-drift", Title: "a slot does not run what its release says", Worst: Warning, Needs: []need{needDocker, needApps}, Twice: true,
	What: "The live slot's container is missing, was stopped by someone else, or runs another image than the release names; or containers of two releases run in one slot.",
	Why:  "Visitors are not served what history and status say.",
	Fix:  "`edgeman restart APP` runs the release again, as a swap does.",
	look: containerDrift,
}

func containerDrift(h *host, report func(Finding)) {
	for _, a := range h.apps {
		if a.Busy != "" {
			continue
		}
		for _, s := range a.Slots {
			if why := h.slotDrift(a, s); why != "" {
				report(h.appFinding(&a, Warning, Subject{"app", s.Name}, why, "edgeman restart "+a.Name))
			}
		}
	}
}

func (h *host) slotDrift(a app, s slot) string {
	running := map[string]bool{} // by release
	for _, c := range h.containers {
		if c.Labels[dockerlabel.App]+":"+c.Labels[dockerlabel.Slot] == s.Name && c.Running {
			running[c.Labels[dockerlabel.Release]] = true
		}
	}
	switch {
	case len(running) > 1:
		return fmt.Sprintf("containers of %d releases run in %s", len(running), s.Name)
	case !s.Filled || s.Name != a.LiveSlot || s.NextPending || s.Phase == "idle" || s.Phase == "holding":
		return ""
	}
	for _, name := range s.Containers {
		if why := h.containerOf(s, name); why != "" {
			return why
		}
	}
	return ""
}

// containerOf says what is wrong with the container that the slot should run by
// this name.
func (h *host) containerOf(s slot, name string) string {
	at := slices.IndexFunc(h.containers, func(c Container) bool { return c.Name == name })
	if at < 0 {
		return fmt.Sprintf("the container %s of release %d is gone", name, s.Release)
	}
	switch c := h.containers[at]; {
	case !c.Running:
		return fmt.Sprintf("the container %s of release %d has stopped (exit code %d)", name, s.Release, c.ExitCode)
	case s.ImageID != "" && c.ImageID != s.ImageID:
		return fmt.Sprintf("the container %s runs another image than release %d", name, s.Release)
	}
	return ""
}
