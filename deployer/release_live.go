package deployer

import (
	"context"
	"errors"
	"fmt"

	"edgeman/deployer/docker"
)

// keptSuffix marks the adopted container once another one, made from the live
// release, has taken its name.
const keptSuffix = "-before-edgeman"

// originalWith makes the container to go back to from the adopted one's own
// settings, ports included, and the live release's image. The adopted one is
// kept under another name.
func (h *Host) originalWith(ctx context.Context, b back, i int, o Original) (docker.Container, error) {
	c, err := h.Docker.Inspect(ctx, o.Container)
	switch {
	case err == nil && c.ID != o.ContainerID:
		return c, isOriginal(c, o) // made by an earlier run that was interrupted
	case err == nil:
		if err := h.Docker.Rename(ctx, o.ContainerID, o.Container+keptSuffix); err != nil {
			return c, err
		}
		h.note("the adopted container is kept as %s%s", o.Container, keptSuffix)
	case !errors.Is(err, docker.ErrNotFound):
		return c, err
	}
	raw, err := readInspect(h.Paths, b.app.Name, i)
	if err != nil {
		return c, err
	}
	id, err := h.Docker.RecreateAs(ctx, raw, docker.Spec{ImageID: b.live.ImageID, Ref: b.live.Image, Env: b.live.Env, Command: b.live.Command})
	if err != nil {
		return c, fmt.Errorf("making container %s from release %d: %w", o.Container, b.live.Number, err)
	}
	return h.Docker.Inspect(ctx, id)
}
