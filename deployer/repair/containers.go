package repair

import (
	"context"
	"errors"
	"fmt"

	"edgeman/deployer/docker"
	"edgeman/deployer/docker/definition"
	"edgeman/deployer/docker/registry"
	"edgeman/deployer/hint"
	"edgeman/deployer/images"
	"edgeman/deployer/outcome"
	"edgeman/deployer/slots"
	"edgeman/deployer/state"
	"edgeman/sockets"
)

// repairContainers puts right what keeps the live slot's service from having its
// containers up, or them from being reached, and tells whether anything did.
func (h *Host) repairContainers(ctx context.Context, live sockets.Slot, r state.Release) (mended bool, err error) {
	if h.Docker == nil {
		return false, nil
	}
	for _, name := range r.Containers(live.Color) {
		c, err := h.Docker.Inspect(ctx, name)
		switch {
		case errors.Is(err, docker.ErrNotFound):
			pulled, err := h.repairImage(ctx, r)
			if err != nil {
				return mended, err
			}
			mended = mended || pulled
		case err != nil:
			return mended, err
		case c.Adrift != "":
			return true, h.repairAdrift(ctx, live, r, c)
		}
	}
	return mended, nil
}

// repairAdrift restarts the slot's service, and its containers with it, while
// requests wait in its socket; containers that cannot go on are recreated. That
// only helps once the container whose network they join is there.
func (h *Host) repairAdrift(ctx context.Context, live sockets.Slot, r state.Release, c docker.Container) error {
	joins := definition.Joins(r.Settings)
	if other, err := h.Docker.Inspect(ctx, joins); err != nil || !other.Running {
		return &outcome.BrokenError{Err: hint.With(fmt.Errorf("%s is cut off: %s", c.Name, c.Adrift), "docker start %s, then edgeman repair %s", joins, r.App)}
	}
	unitCtx, cancel := context.WithTimeout(ctx, slots.UnitWait+h.EndWait(ctx, live))
	defer cancel()
	if err := h.Units.Restart(unitCtx, live.ServiceUnit()); err != nil {
		return &outcome.BrokenError{Err: err}
	}
	h.Step("restart", "%s was cut off: %s", c.Name, c.Adrift)
	return nil
}

// repairImage brings the release's image back from where it came from.
func (h *Host) repairImage(ctx context.Context, r state.Release) (pulled bool, err error) {
	if !images.Gone(ctx, h.Docker, r.ImageID) {
		return false, nil
	}
	gone := fmt.Sprintf("the image %s of release %d is gone", r.Image, r.Number)
	const other = "edgeman swap %s IMAGE runs another one"
	if r.Digest == "" {
		return false, &outcome.BrokenError{Err: hint.With(fmt.Errorf("%s, and it came from no registry", gone), other, r.App)}
	}
	ref := registry.Repository(r.Image) + "@" + r.Digest
	err = images.Pull(ctx, h.Console, h.Docker, ref)
	if err == nil && images.Gone(ctx, h.Docker, r.ImageID) {
		err = errors.New("what the registry has there now is another image")
	}
	if err != nil {
		return false, &outcome.BrokenError{Err: hint.With(fmt.Errorf("%s: %w", gone, err), other, r.App)}
	}
	h.Step("pull", "%s was gone", ref)
	return true, nil
}
