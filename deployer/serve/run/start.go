package run

import (
	"context"
	"errors"
	"sync"

	"edgeman/deployer/docker"
	"edgeman/deployer/docker/volume"
)

// ensureRunning returns the running container. What it needs for that while the
// container runs ends with life and is counted in side.
func (r *runner) ensureRunning(life context.Context, e Engine, side *sync.WaitGroup) (c docker.Container, err error) {
	err = limited(life, 2*callLimit, func(ctx context.Context) error {
		// Two releases in one slot must not run beside each other: they may
		// share volumes.
		if err := r.slot.sweep(ctx, e, r.slot.wanted); err != nil {
			return err
		}
		if c, err = r.create(ctx, e); err != nil {
			return err
		}
		if c.Running && c.Adrift != "" {
			if c, err = r.makeAgain(ctx, e, c, errors.New(c.Adrift)); err != nil {
				return err
			}
		}
		if c.Running {
			r.offerHandoffAgain(life, e, c.ID, side)
			if c.Status == "paused" && !r.slot.Frozen.Load() {
				return e.Unpause(ctx, c.ID)
			}
			return nil
		}
		c, err = r.start(ctx, life, e, c, side)
		return err
	})
	return c, err
}

// start starts the container c, and gives it back as it is then. When Docker
// does not find what c is tied to, another network of that name or another
// container, only a new one can be tied to those of today.
func (r *runner) start(ctx, life context.Context, e Engine, c docker.Container, side *sync.WaitGroup) (docker.Container, error) {
	err := r.startOnce(ctx, life, e, c.ID, side)
	if errors.Is(err, docker.ErrNotFound) || err != nil && tiedToGone(ctx, e, c) {
		if c, err = r.makeAgain(ctx, e, c, err); err == nil {
			err = r.startOnce(ctx, life, e, c.ID, side)
		}
	}
	if err != nil {
		return c, err
	}
	return e.Inspect(ctx, c.ID)
}

// tiedToGone tells whether the container was made to run in a namespace of another
// one that is there no more. Docker 28 does not call that "not found" at a start.
func tiedToGone(ctx context.Context, e Engine, c docker.Container) bool {
	for _, id := range c.Joined() {
		if _, err := e.Inspect(ctx, id); errors.Is(err, docker.ErrNotFound) {
			return true
		}
	}
	return false
}

// startOnce starts the container with that id, which is offered the listener in
// native mode for as long as life lasts.
func (r *runner) startOnce(ctx, life context.Context, e Engine, id string, side *sync.WaitGroup) error {
	if !r.native() {
		return e.Start(ctx, id)
	}
	life, withdraw := context.WithCancel(life)
	offered, err := r.offerHandoff(life, e, id)
	if err != nil {
		withdraw()
		return err
	}
	err = e.Start(ctx, id)
	if err != nil {
		withdraw() // or the next offer would meet this one
		<-offered
		return err
	}
	side.Go(func() { <-offered; withdraw() })
	return nil
}

// makeAgain makes the container again in the place of c, which cannot go on. It gets
// the volumes that c has.
func (r *runner) makeAgain(ctx context.Context, e Engine, c docker.Container, why error) (docker.Container, error) {
	r.slot.Log("%s is made anew: %v", r.name, why)
	kept, _, err := volume.Keep(r.release.Settings, c)
	if err == nil {
		err = r.slot.stop(ctx, c.ID)
	}
	if err == nil {
		err = r.slot.remove(ctx, c.ID)
	}
	if err != nil {
		return c, err
	}
	r.making.Lock()
	r.release.Settings = kept
	r.making.Unlock()
	return r.create(ctx, e)
}
