package slots

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"edgeman/deployer/docker"
	"edgeman/deployer/poll"
	"edgeman/sockets"
)

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

// ForgetSlot removes what is left of the slot: its requests to its service, and
// everything of this boot that carries its name.
func (h *Host) ForgetSlot(slot sockets.Slot) error {
	return errors.Join(h.Paths.Forget(slot),
		removeEntries(h.Paths.Run, func(name string) bool {
			// With a dot before it: the temporary file of a service that was killed.
			return strings.HasPrefix(strings.TrimPrefix(name, "."), slot.String()+".")
		}),
		// A service that was stopped before it saw that its slot is empty leaves its own.
		removeEntries(h.Paths.Handoffs(), func(name string) bool {
			number, ok := strings.CutPrefix(name, slot.App+"-"+slot.Color+"-")
			return ok && containerNumber.MatchString(number)
		}))
}

// containerNumber is what follows app and slot in a container's name: its
// release, and which replica it is.
var containerNumber = regexp.MustCompile(`^[0-9]+(-[0-9]+)?$`)

// removeEntries removes what is named so from a directory that is empty after
// every boot.
func removeEntries(dir string, named func(string) bool) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if named(e.Name()) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return err
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
