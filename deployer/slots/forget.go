package slots

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"edgeman/deployer/docker/definition"
	"edgeman/deployer/docker/volume"
	"edgeman/deployer/poll"
	"edgeman/deployer/state"
	"edgeman/sockets"
)

// ForgetRelease removes a record of what never served, unless a slot still names
// it, and the volumes that were made for it alone.
func (h *Host) ForgetRelease(ctx context.Context, app string, number int) error {
	for _, slot := range Both(app) {
		for _, named := range []func(sockets.Slot) (state.Release, bool, error){h.Paths.SlotRelease, h.Paths.NextRelease} {
			if r, ok, err := named(slot); err != nil {
				return err
			} else if ok && r.Number == number {
				return fmt.Errorf("release %d stays on record: %s still names it", number, slot)
			}
		}
	}
	volumes, err := h.volumesOf(app, number)
	if err != nil {
		return err
	}
	for _, v := range volumes {
		if err := h.removeVolume(ctx, v.Name); err != nil {
			return err
		}
	}
	return h.Paths.RemoveRelease(app, number)
}

// volumesOf are the volumes that were made for release number and that no other
// has.
func (h *Host) volumesOf(app string, number int) ([]definition.Volume, error) {
	r, err := h.Paths.ReadRelease(app, number)
	if errors.Is(err, state.ErrNoRelease) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	others, err := h.Paths.OtherSettings(app, number)
	if err != nil {
		return nil, err
	}
	volumes, err := volume.Declared(r.Settings, app)
	for _, o := range others {
		also, e := volume.Declared(o, app)
		err = errors.Join(err, e)
		volumes = slices.DeleteFunc(volumes, func(v definition.Volume) bool { return slices.Contains(also, v) })
	}
	return volumes, err
}

// removeVolume waits for the container that has it to be gone: the slot's
// service removes containers, too.
func (h *Host) removeVolume(ctx context.Context, name string) error {
	ctx = context.WithoutCancel(ctx)
	var last error
	_ = poll.Until(ctx, UnitWait, poll.Often, func() (bool, error) {
		last = h.Docker.RemoveVolume(ctx, name)
		return last == nil, nil
	})
	return last
}

// containerNumber is what follows app and slot in a container's name: its
// release, and which replica it is.
var containerNumber = regexp.MustCompile(`^[0-9]+(-[0-9]+)?$`)

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
