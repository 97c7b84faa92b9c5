package slots

import (
	"context"
	"errors"
	"sync"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/docker/label"
	"edgeman/deployer/poll"
	"edgeman/sockets"
)

// StopAll stops containers at the same time: each may take its stop timeout.
func (h *Host) StopAll(ctx context.Context, ids []string) error {
	errs := make([]error, len(ids))
	var all sync.WaitGroup
	for i, id := range ids {
		all.Go(func() { errs[i] = h.Docker.Stop(ctx, id) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// OwnContainers are those that the slot's service has made.
func (h *Host) OwnContainers(ctx context.Context, slot sockets.Slot) ([]docker.Container, error) {
	return h.Docker.List(ctx, map[string]string{label.App: slot.App, label.Slot: slot.Color}, true)
}

// Grace is how long the longest of the containers may take to stop.
func Grace(all []docker.Container) (longest time.Duration) {
	for _, c := range all {
		if c.Running {
			longest = max(longest, c.Grace())
		}
	}
	return longest
}

// RemoveContainers removes what the slot's service has made, by its labels: the
// link that names its release may be gone already.
func (h *Host) RemoveContainers(ctx context.Context, slot sockets.Slot) error {
	own, err := h.OwnContainers(ctx, slot)
	if err != nil {
		return err
	}
	for _, c := range own {
		if err := h.removeContainer(ctx, c.ID); err != nil {
			return err
		}
	}
	return nil
}

// removeContainer makes sure that the container is gone. The slot's service
// removes it, too, and Docker refuses a removal that is under way: then it is
// enough to wait for its end.
func (h *Host) removeContainer(ctx context.Context, name string) error {
	var last error
	_ = poll.Until(ctx, UnitWait, poll.Often, func() (bool, error) {
		c, err := h.Docker.Inspect(ctx, name)
		if err == nil && c.Running {
			err = h.Docker.Stop(ctx, c.ID)
		}
		if err == nil {
			err = h.Docker.Remove(ctx, c.ID)
		}
		if errors.Is(err, docker.ErrNotFound) {
			err = nil
		}
		last = err
		return err == nil, nil
	})
	return last
}
