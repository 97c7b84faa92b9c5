package check

import (
	"fmt"
	"path"
	"slices"

	"edgeman/deployer/docker/registry"
)

var ruleUpdaterPresent = Rule{
	Code: "updater-present", Title: "a program replaces containers on this host by itself", Worst: Warning, Needs: []need{needDocker, needApps},
	What: "A container of this host looks for newer images and replaces running containers by them: watchtower, What's up Docker, ouroboros. edgeman's own containers carry the labels by which the first two leave a container alone.",
	Why:  "What it replaces is stopped before the next one starts, and requests inside it are cut. Compose services that edgeman has taken over are started again beside the live release.",
	Fix:  "Let it leave out what edgeman has adopted (`--label-enable`, or a list of names), and deploy with `edgeman swap`. An entry in check's ignore list silences this.",
	look: updaterPresent,
}

// updaters are the last words of the repositories of such programs.
var updaters = []string{"watchtower", "wud", "whats-up-docker", "ouroboros"}

func updaterPresent(h *host, report func(Finding)) {
	if len(h.apps) == 0 {
		return
	}
	for _, c := range h.containers {
		if !c.Running || !slices.Contains(updaters, path.Base(registry.Repository(c.Image))) {
			continue
		}
		report(Finding{
			Severity: Warning, Subject: Subject{"container", c.Name},
			Message: fmt.Sprintf("the container %s (%s) replaces other containers by newer ones, without waiting for their requests", c.Name, c.Image),
			Hint:    "docker logs " + c.Name + " says what it looks after; edgeman's containers have to be left out",
		})
	}
}
