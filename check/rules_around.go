package check

import (
	"context"
	"slices"

	"edgeman/deployer/around"
	"edgeman/deployer/docker/label"
)

var ruleOriginalRuns = Rule{
	Code: around.OriginalRuns, Title: "the container from before adopt is running beside the live one", Worst: Critical, Needs: []need{needDocker, needApps}, Twice: true,
	What: "The container that an app was adopted from, or one created in its place, is running beside the live release. The message names what both may write to.",
	Why:  "Two copies that write to the same files can spoil them, and jobs run twice. `docker start` and a restored restart policy do that.",
	Fix:  "Stop it: `docker update --restart no NAME && docker stop NAME`. To go back to it: `edgeman unadopt APP`.",
	look: lookAround(around.OriginalRuns),
}

var ruleComposeRuns = Rule{
	Code: around.ComposeRuns, Title: "Compose has started the container from before adopt again", Worst: Critical, Needs: []need{needDocker, needApps}, Twice: true,
	What: "`docker compose up` has started, or made anew, the container that an app was adopted from. nginx sends nothing there. It is critical if its image is not the live one, or if both may write to the same files, else a warning.",
	Why:  "Whoever ran it may have meant to deploy: visitors stay on the release that is live. And jobs run twice.",
	Fix:  "`edgeman swap APP IMAGE` deploys what it runs; then `docker stop NAME`. `scale: 0` for the service in compose.override.yaml keeps Compose from starting it.",
	look: lookAround(around.ComposeRuns),
}

var ruleContainerPaused = Rule{
	Code: around.Paused, Title: "a live container is paused", Worst: Critical, Needs: []need{needDocker, needApps}, Twice: true,
	What: "Somebody has frozen a live container with `docker pause`. (This is not about `edgeman pause`.)",
	Why:  "Its requests get no answer until somebody unpauses it, and a backup script that died never will.",
	Fix:  "`docker unpause NAME`",
	look: lookAround(around.Paused),
}

var ruleContainerCutOff = Rule{
	Code: around.CutOff, Title: "a live container is cut off from the network that it joined", Worst: Critical, Needs: []need{needDocker, needApps}, Twice: true,
	What: "A live container runs in the network of another one (`--network container:NAME`), and that one has since been stopped, restarted or recreated.",
	Why:  "It is left in a network that belongs to no container any more: it reaches nothing, and once its service is restarted nothing reaches it.",
	Fix:  "Make sure that the other container is running, then `edgeman repair APP`.",
	look: lookAround(around.CutOff),
}

var ruleImageGone = Rule{
	Code: around.ImageGone, Title: "an image that will be needed is gone", Worst: Critical, Needs: []need{needDocker, needApps}, Twice: true,
	What: "The live release of an app has lost both its container and its image. For the container that the app was adopted from it is a warning.",
	Why:  "The next start fails: after a reboot, or for the next visitor of an app that is idle. Without the original's image `edgeman unadopt` cannot bring the original back.",
	Fix:  "`edgeman repair APP` pulls the image of the live release; `docker pull` that of the original.",
	look: lookAround(around.ImageGone),
}

// lookAround looks for the findings of one code about the containers of all apps.
// Docker is asked once for all codes.
func lookAround(code string) func(*host, func(Finding)) {
	return func(h *host, report func(Finding)) {
		if h.beside == nil {
			h.beside = h.judgeAround()
		}
		for _, f := range h.beside[code] {
			report(f)
		}
	}
}

// judgeAround judges the containers of all apps, and sorts what it finds by code.
func (h *host) judgeAround() map[string][]Finding {
	var all []around.Container
	for _, c := range h.containers {
		all = append(all, around.Container{
			ID: c.ID, Name: c.Name, Image: c.Image, ImageID: c.ImageID, Project: c.Labels[label.ComposeProject], Service: c.Labels[label.ComposeService],
			Running: c.Running, Paused: c.Paused, Adrift: c.Adrift, Writes: c.Writes,
		})
	}
	out := map[string][]Finding{}
	for i := range h.apps {
		a := &h.apps[i]
		if h.adopting(a) {
			continue
		}
		for _, f := range around.Judge(h.aroundApp(a), all) {
			severity := Critical
			if f.Mild {
				severity = Warning
			}
			out[f.Code] = append(out[f.Code], h.appFinding(a, severity, Subject{"container", f.Subject}, clean(f.Text), f.Next))
		}
	}
	return out
}

// aroundApp is what there should be of an app's containers. While a command is at
// work on the original, or was interrupted in that, nobody says that it must not run.
func (h *host) aroundApp(a *app) around.App {
	out := around.App{Name: a.Name}
	if s := a.live(); s != nil && s.Filled {
		out.Live, out.Release, out.Image, out.ImageID = s.Containers, s.Release, s.Image, s.ImageID
		out.Stopped = s.Phase == "idle" || s.Phase == "holding" || s.NextPending
		out.ImageGone = slices.ContainsFunc(s.Containers, func(name string) bool { return !h.hasContainer(name) }) && h.imageGone(s.ImageID)
	}
	if a.Busy != "" || a.Interrupted != "" {
		return out
	}
	for _, o := range a.Originals {
		gone := !h.hasContainer(o.Container) && h.imageGone(a.OriginalImageID)
		out.Originals = append(out.Originals, around.Original{ID: o.ContainerID, Name: o.Container, Image: a.OriginalImage, ImageGone: gone})
	}
	return out
}

func (h *host) hasContainer(name string) bool {
	return slices.ContainsFunc(h.containers, func(c Container) bool { return c.Name == name })
}

// imageGone tells whether Docker says that it does not have the image.
func (h *host) imageGone(id string) bool {
	if id == "" {
		return false
	}
	ctx, cancel := context.WithTimeout(h.ctx, dockerWait)
	defer cancel()
	has, err := h.env.Docker.HasImage(ctx, id)
	return err == nil && !has
}
