package status

import (
	"context"
	"errors"
	"time"

	"edgeman/deployer/adoption"
	"edgeman/deployer/around"
	"edgeman/deployer/docker"
	"edgeman/deployer/docker/label"
	"edgeman/deployer/images"
	"edgeman/deployer/state"
)

// aroundWait bounds what status asks Docker: it is an extra, and Docker may hang.
const aroundWait = 2 * time.Second

// around is what others have done to the app's containers. What Docker does not
// say is left out: the slots' services report that it does not answer.
func (h *Host) around(ctx context.Context, a AppStatus, record adoption.Record, live slotLook) (out []Problem) {
	if h.Docker == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, aroundWait)
	defer cancel()
	app := around.App{Name: a.Name, Release: live.release.Number, Image: live.release.Image, ImageID: live.release.ImageID}
	if live.filled && live.release.Number != 0 {
		app.Live = live.release.Containers(live.slot.Color)
	}
	s := live.state()
	app.Stopped = s == SlotIdle || s == SlotPaused || live.status.Phase == state.PhaseHolding
	var all []around.Container
	for _, name := range app.Live {
		c, err := h.Docker.Inspect(ctx, name)
		switch {
		case errors.Is(err, docker.ErrNotFound):
			app.ImageGone = app.ImageGone || images.Gone(ctx, h.Docker, live.release.ImageID)
		case err != nil:
			return nil
		default:
			all = append(all, aroundContainer(c))
		}
	}
	if a.Operation == nil && !record.Beside { // else it is at work on them, or repair is
		for _, o := range record.Originals() {
			all = h.aroundOriginal(ctx, &app, all, o, record)
		}
	}
	for _, f := range around.Judge(app, all) {
		out = append(out, Problem{Text: f.Text, Next: f.Next})
	}
	return out
}

// aroundOriginal looks for a container from before adopt, or for one that was made
// in its place.
func (h *Host) aroundOriginal(ctx context.Context, app *around.App, all []around.Container, o adoption.Original, record adoption.Record) []around.Container {
	if o.Container == "" {
		return all
	}
	kept := around.Original{ID: o.ContainerID, Name: o.Container, Image: record.Image}
	gone := true
	for _, by := range []string{o.Container, o.ContainerID} {
		c, err := h.Docker.Inspect(ctx, by)
		if err == nil {
			all, gone = append(all, aroundContainer(c)), false
			break
		}
		gone = gone && errors.Is(err, docker.ErrNotFound)
	}
	kept.ImageGone = gone && images.Gone(ctx, h.Docker, record.ImageID)
	app.Originals = append(app.Originals, kept)
	return all
}

func aroundContainer(c docker.Container) around.Container {
	return around.Container{
		ID: c.ID, Name: c.Name, Image: c.Image, ImageID: c.ImageID, Project: c.Labels[label.ComposeProject], Service: c.Labels[label.ComposeService],
		Running: c.Running, Paused: c.Status == "paused", Adrift: c.Adrift, Writes: c.Writes(),
	}
}
