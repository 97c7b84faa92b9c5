package unadopt

import (
	"context"
	"errors"
	"fmt"

	"edgeman/deployer/adoption"
	"edgeman/deployer/docker"
)

// keptSuffix marks the adopted container once another one, made from the live
// release, has taken its name.
const keptSuffix = "-before-edgeman"

// originalWith makes the container to go back to from the adopted one's own
// settings, ports included, and the live release's image. The adopted one is
// kept under another name.
func (h *Host) originalWith(ctx context.Context, b giving, i int, o adoption.Original) (docker.Container, error) {
	c, err := h.Docker.Inspect(ctx, o.Container)
	switch {
	case err == nil && c.ID != o.ContainerID && c.ImageID == b.live.ImageID:
		return c, isOriginal(c, o) // made by an earlier run that was interrupted
	case err == nil:
		if err := h.putAside(ctx, c, o); err != nil {
			return c, err
		}
	case !errors.Is(err, docker.ErrNotFound):
		return c, err
	}
	raw, err := adoption.ReadInspect(h.Paths, b.app.Name, i)
	if err != nil {
		return c, err
	}
	settings, _, err := h.Data.WithVolumes(*b.live)
	if err != nil {
		return c, err
	}
	id, err := h.Docker.RecreateAs(ctx, raw, docker.Spec{ImageID: b.live.ImageID, Ref: b.live.Image, Settings: settings, Env: b.live.Env, Command: b.live.Command})
	if err != nil {
		return c, fmt.Errorf("making container %s from release %d: %w", o.Container, b.live.Number, err)
	}
	return h.Docker.Inspect(ctx, id)
}

// putAside renames a container out of the way: the adopted one, or one that
// somebody has since made in its place.
func (h *Host) putAside(ctx context.Context, c docker.Container, o adoption.Original) error {
	aside := o.Container + keptSuffix
	_, err := h.Docker.Inspect(ctx, aside) // from an earlier giving back, perhaps
	if c.ID != o.ContainerID || !errors.Is(err, docker.ErrNotFound) {
		aside += fmt.Sprintf("-%.12s", c.ID)
	}
	if c.Running {
		if err := errors.Join(h.Docker.SetRestart(ctx, c.ID, "no"), h.Docker.Stop(ctx, c.ID)); err != nil {
			return err
		}
	}
	if err := h.Docker.Rename(ctx, c.ID, aside); err != nil {
		return err
	}
	h.Note("container %s (%s) is kept as %s", o.Container, c.Image, aside)
	return nil
}
