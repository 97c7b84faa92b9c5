package run

import (
	"context"
	"errors"

	"edgeman/deployer/docker"
	"edgeman/deployer/state"
)

// Freeze stops the processes of the release's containers, or lets them go on, as
// Frozen says: the only way to keep native apps from accepting.
func (s *Containers) Freeze(ctx context.Context, r state.Release) error {
	on := s.Frozen.Load()
	return each(r.Containers(s.Slot.Color), func(name string) error {
		return s.With(ctx, func(ctx context.Context, e Engine) error { return freeze(ctx, e, name, on) })
	})
}

func freeze(ctx context.Context, e Engine, name string, on bool) error {
	c, err := e.Inspect(ctx, name)
	switch {
	case errors.Is(err, docker.ErrNotFound) || err == nil && !c.Running:
		return nil
	case err != nil:
		return err
	case on && c.Status != "paused":
		return e.Pause(ctx, c.ID)
	case !on && c.Status == "paused":
		return e.Unpause(ctx, c.ID)
	}
	return nil
}
