package serve

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/docker/volume"
)

// What stands under a container's name can be half of one: made and not started,
// about to be removed, tied to a container that is there no more, or somebody
// else's. Whatever it is, the next attempt goes on from there, and never with
// what edgeman did not make.

// ours tells the containers that edgeman made, which carry in their labels what
// their names are made of.
func ours(c docker.Container) bool {
	of := strings.Join([]string{c.Labels[labelApp], c.Labels[labelSlot], c.Labels[labelRelease]}, "-")
	rest, ok := strings.CutPrefix(c.Name, of)
	return ok && c.Labels[labelApp] != "" && (rest == "" || rest[0] == '-' || rest[0] == '.')
}

// notOurs is the error for a name that somebody else's container has.
func notOurs(name string) error {
	return fmt.Errorf("the container %s is not one that edgeman made\nhint: docker rename %s another-name", name, name)
}

// create makes sure that the container exists. While Docker says that its name
// is taken and shows nothing there, one is just being made or removed.
func (r *runner) create(ctx context.Context, e engine) (docker.Container, error) {
	for {
		c, err := e.Inspect(ctx, r.name)
		switch {
		case errors.Is(err, docker.ErrNotFound):
			c, err = r.make(ctx, e)
		case err == nil && !ours(c):
			err = notOurs(r.name)
		case err == nil && (c.Status == "dead" || c.Status == "removing"):
			if err = r.host.removeContainer(ctx, c.ID); err == nil {
				continue
			}
		}
		if !errors.Is(err, docker.ErrExists) {
			return c, err
		}
		sleep(ctx, lookAgain)
		if ctx.Err() != nil {
			return c, err
		}
	}
}

// start starts the container c, and gives it back as it is then. When Docker
// does not find what c is tied to, another network of that name or another
// container, only a new one can be tied to those of today.
func (r *runner) start(ctx, life context.Context, e engine, c docker.Container, side *sync.WaitGroup) (docker.Container, error) {
	err := r.startOnce(ctx, life, e, c.ID, side)
	if errors.Is(err, docker.ErrNotFound) || err != nil && tiedToGone(ctx, e, c) {
		if c, err = r.anew(ctx, e, c, err); err == nil {
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
func tiedToGone(ctx context.Context, e engine, c docker.Container) bool {
	for _, id := range c.Joined() {
		if _, err := e.Inspect(ctx, id); errors.Is(err, docker.ErrNotFound) {
			return true
		}
	}
	return false
}

// startOnce starts the container with that id, which is offered the listener in
// native mode for as long as life lasts.
func (r *runner) startOnce(ctx, life context.Context, e engine, id string, side *sync.WaitGroup) error {
	if !r.native() {
		return e.Start(ctx, id)
	}
	life, withdraw := context.WithCancel(life)
	offered, err := r.offer(life, e, id)
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

// anew makes the container again in the place of c, which cannot go on. It gets
// the volumes that c has.
func (r *runner) anew(ctx context.Context, e engine, c docker.Container, why error) (docker.Container, error) {
	r.host.say("%s is made anew: %v", r.name, why)
	kept, _, err := volume.Keep(r.release.Settings, c)
	if err == nil {
		err = r.host.stopContainer(ctx, c.ID)
	}
	if err == nil {
		err = r.host.removeContainer(ctx, c.ID)
	}
	if err != nil {
		return c, err
	}
	r.making.Lock()
	r.release.Settings = kept
	r.making.Unlock()
	return r.create(ctx, e)
}

// stopContainer stops a container with the image's own signal and timeout. One
// that is gone, or that edgeman did not make, needs no stopping.
func (h *host) stopContainer(ctx context.Context, name string) error {
	e, err := h.engine(ctx)
	if err != nil {
		return err
	}
	c, err := e.Inspect(ctx, name)
	if errors.Is(err, docker.ErrNotFound) {
		return nil
	}
	if err != nil || !c.Running || !ours(c) {
		return err
	}
	extend := c.Grace() + stopSlack
	_ = h.notify(fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", extend.Microseconds()))
	err = limited(ctx, extend, func(ctx context.Context) error { return e.Stop(ctx, c.ID) })
	if errors.Is(err, docker.ErrNotFound) {
		return nil
	}
	return err
}

// removeContainer removes a stopped container, never its volumes, and waits for
// its end when somebody else removes it just now.
func (h *host) removeContainer(ctx context.Context, name string) error {
	e, err := h.engine(ctx)
	if err != nil {
		return err
	}
	err = limited(ctx, callLimit, func(ctx context.Context) error {
		for {
			c, err := e.Inspect(ctx, name)
			if err != nil || !ours(c) {
				return err
			}
			name = c.Name
			if err = e.Remove(ctx, c.ID); !errors.Is(err, docker.ErrRemoving) {
				return err
			}
			sleep(ctx, lookAgain)
			if ctx.Err() != nil {
				return err
			}
		}
	})
	if err != nil && !errors.Is(err, docker.ErrNotFound) {
		return err
	}
	_ = os.RemoveAll(h.handoffDir(name)) // in tmpfs; what is left goes with the next boot
	return nil
}

// lookAgain is how soon to look again at what somebody else is making or removing.
const lookAgain = 100 * time.Millisecond
