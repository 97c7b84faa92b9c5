package run

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/docker/label"
	"edgeman/deployer/poll"
	"edgeman/deployer/state"
	"edgeman/sockets"
)

// Stop stops containers, all at the same time.
func (s *Containers) Stop(ctx context.Context, names []string) error {
	return each(names, func(name string) error { return s.stop(ctx, name) })
}

// Remove removes stopped containers.
func (s *Containers) Remove(ctx context.Context, names []string) error {
	return each(names, func(name string) error { return s.remove(ctx, name) })
}

// stop stops a container with the image's own signal and timeout. One
// that is gone, or that edgeman did not make, needs no stopping.
func (s *Containers) stop(ctx context.Context, name string) error {
	e, err := s.Engine(ctx)
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
	_ = s.Notify(fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", extend.Microseconds()))
	err = limited(ctx, extend, func(ctx context.Context) error { return e.Stop(ctx, c.ID) })
	if errors.Is(err, docker.ErrNotFound) {
		return nil
	}
	return err
}

// remove removes a stopped container, never its volumes, and waits for
// its end when somebody else removes it just now.
func (s *Containers) remove(ctx context.Context, name string) error {
	e, err := s.Engine(ctx)
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
			poll.Sleep(ctx, lookAgain)
			if ctx.Err() != nil {
				return err
			}
		}
	})
	if err != nil && !errors.Is(err, docker.ErrNotFound) {
		return err
	}
	_ = os.RemoveAll(s.handoffDir(name)) // in tmpfs; what is left goes with the next boot
	return nil
}

// sweep stops and removes the slot's containers but those to keep.
func (s *Containers) sweep(ctx context.Context, e Engine, keep func(name string) bool) error {
	s.sweeping.Lock()
	defer s.sweeping.Unlock()
	found, err := e.List(ctx, map[string]string{label.App: s.Slot.App, label.Slot: s.Slot.Color}, true)
	if err != nil {
		return err
	}
	var gone []string
	for _, c := range found {
		if !keep(c.Name) {
			gone = append(gone, c.Name)
		}
	}
	return each(gone, func(name string) error {
		s.Log("removing container %s", name)
		return errors.Join(s.stop(ctx, name), s.remove(ctx, name))
	})
}

// StopsBy is when containers that are stopped now will have ended, as far as
// Docker tells.
func (s *Containers) StopsBy(ctx context.Context, names []string) time.Time {
	longest := time.Duration(0)
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	_ = s.With(ctx, func(ctx context.Context, e Engine) error {
		for _, name := range names {
			if c, err := e.Inspect(ctx, name); err == nil {
				longest = max(longest, c.Grace())
			}
		}
		return nil
	})
	return time.Now().Add(longest + stopSlack)
}

// RemoveAll stops and removes every container of the slot.
func (s *Containers) RemoveAll(ctx context.Context) error {
	e, err := s.Engine(ctx)
	if err != nil {
		return err
	}
	return s.sweep(ctx, e, func(string) bool { return false })
}

// wanted tells the containers that a link of this slot names from leftovers. What
// is next is looked at first: it may take the other's place in between.
func (s *Containers) wanted(container string) bool {
	for _, named := range []func(sockets.Slot) (state.Release, bool, error){s.Paths.NextRelease, s.Paths.SlotRelease} {
		r, ok, err := named(s.Slot)
		if err != nil || ok && (slices.Contains(r.Containers(s.Slot.Color), container) || r.Holder(s.Slot.Color) == container) {
			return true
		}
	}
	return false
}

// each does the same to several containers at once.
func each(names []string, do func(name string) error) error {
	errs := make([]error, len(names))
	var all sync.WaitGroup
	for i, name := range names {
		all.Go(func() { errs[i] = do(name) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// Freeze stops the processes of the release's containers, or lets them go on, as
// Frozen says: the only way to keep native apps from accepting.
func (s *Containers) Freeze(ctx context.Context, r state.Release) error {
	on := s.Frozen.Load()
	return each(r.Containers(s.Slot.Color), func(name string) error {
		return s.With(ctx, func(ctx context.Context, e Engine) error {
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
		})
	})
}

// Somebody else may stop the container, as tools do that update containers. Docker
// tells so right after it has sent the signal. What the app does then is its own
// affair: it stops accepting, or goes on as before until it is killed. New
// connections are held back from that moment, so that what is inside can end
// meanwhile and nothing follows it into an app that is about to be killed.

// stoppingMost bounds that wait. Whoever stops the container may give it more
// time than it asks for, or may have sent the signal for another reason.
const stoppingMost = 30 * time.Second

// watchForeignStop holds connections back while somebody else stops the container.
func (r *runner) watchForeignStop(ctx context.Context, e Engine, c docker.Container, ask probe) {
	for ctx.Err() == nil {
		if err := e.AwaitStop(ctx, c.ID); err != nil {
			poll.Sleep(ctx, restartMax)
			continue
		}
		if r.condition().Phase != state.PhaseHealthy {
			continue
		}
		r.slot.Log("%s: somebody stops the container", r.name)
		r.set(func(n *Condition) {
			n.Phase, n.Message = state.PhaseWaiting, "somebody stops the container, its requests wait"
		})
		poll.Sleep(ctx, min(c.Grace(), stoppingMost)+time.Second)
		if ctx.Err() != nil {
			return
		}
		r.set(func(n *Condition) { n.Phase, n.Message = state.PhaseStarting, "" })
		r.watchHealth(ctx, ask) // it was not stopped
	}
}
