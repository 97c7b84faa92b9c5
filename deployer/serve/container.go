package serve

import (
	"context"
	"errors"
	"strconv"
	"sync"

	"edgeman/deployer/docker"
	"edgeman/deployer/docker/volume"
)

// Labels that every container of a slot carries.
const (
	labelApp     = "edgeman.app"
	labelSlot    = "edgeman.slot"
	labelRelease = "edgeman.release"
	labelReplica = "edgeman.replica" // from 1
)

// ensure returns the running container. What it needs for that while the
// container runs ends with life and is counted in side.
func (r *runner) ensure(life context.Context, e engine, side *sync.WaitGroup) (c docker.Container, err error) {
	err = limited(life, 2*callLimit, func(ctx context.Context) error {
		// Two releases in one slot must not run beside each other: they may
		// share volumes.
		if err := r.host.sweep(ctx, e, r.slot, r.keep); err != nil {
			return err
		}
		if c, err = r.create(ctx, e); err != nil {
			return err
		}
		if c.Running && c.Adrift != "" {
			if c, err = r.anew(ctx, e, c, errors.New(c.Adrift)); err != nil {
				return err
			}
		}
		if c.Running {
			r.offerAgain(life, e, c.ID, side)
			if c.Status == "paused" && !r.held() {
				return e.Unpause(ctx, c.ID)
			}
			return nil
		}
		c, err = r.start(ctx, life, e, c, side)
		return err
	})
	return c, err
}

// make creates the container. What Docker gives the first of several by itself,
// a volume for a VOLUME of the image, is for all of them, or each would keep
// data of its own that the next release could not take over.
func (r *runner) make(ctx context.Context, e engine) (docker.Container, error) {
	if r.first == nil {
		r.making.Lock()
		defer r.making.Unlock()
		if c, err := e.Inspect(ctx, r.name); !errors.Is(err, docker.ErrNotFound) {
			return c, err // by another replica's wish
		}
	}
	spec := r.spec()
	if err := r.volumesHeld(ctx, e, &spec); err != nil {
		return docker.Container{}, err
	}
	if r.first != nil {
		first, err := r.first.create(ctx, e)
		if err != nil {
			return docker.Container{}, err
		}
		if spec.Settings, _, err = volume.Keep(spec.Settings, first); err != nil {
			return docker.Container{}, err
		}
	}
	if err := r.makeHandoff(); err != nil {
		return docker.Container{}, err
	}
	id, err := e.Create(ctx, spec)
	if err != nil {
		return docker.Container{}, err
	}
	return e.Inspect(ctx, id)
}

// spec is the container that the release wants in this slot.
func (r *runner) spec() docker.Spec {
	s := docker.Spec{
		Name: r.name, ImageID: r.release.ImageID, Ref: r.release.Image, Settings: r.release.Settings,
		Env: r.release.Env, Command: r.release.Command,
		Labels: map[string]string{
			labelApp: r.slot.App, labelSlot: r.slot.Color, labelRelease: strconv.Itoa(r.release.Number),
			labelReplica: strconv.Itoa(r.index + 1),
		},
	}
	if r.native() {
		return r.nativeSpec(s)
	}
	return s
}
