package deployer

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"edgeman/deployer/docker/label"
	"edgeman/sockets"
	"edgeman/sockets/count"
)

// drainSlots waits until nginx has let go of the slots, and takes their live
// pointer away only then: old workers still connect through it.
func (h *Host) drainSlots(ctx context.Context, b back) error {
	open := func() (int, error) {
		total := 0
		for _, slot := range slotsOf(b.app.Name) {
			n, err := count.Unix(slot.SocketPath(h.Paths.Run))
			if err != nil {
				return 0, err
			}
			total += n.Total()
		}
		return total, nil
	}
	d, err := h.awaitOldWorkers(ctx, b.drain, open)
	if err != nil {
		return err
	}
	b.result.Cut = d.cut
	if !b.quiet {
		h.step("drain", "slots: %s", d)
	}
	return nil
}

// removeApp takes away everything of edgeman's that belongs to the app.
func (h *Host) removeApp(ctx context.Context, app string) error {
	for _, slot := range slotsOf(app) {
		if err := h.removeSlot(ctx, slot); err != nil {
			return err
		}
	}
	if err := h.enableUnits(ctx, app, false); err != nil {
		return err
	}
	return h.Paths.RemoveApp(app)
}

func (h *Host) removeSlot(ctx context.Context, slot sockets.Slot) error {
	if err := h.Paths.TakeDown(ctx, slot); err != nil {
		return err
	}
	unitCtx, cancel := context.WithTimeout(ctx, unitWait+h.endWait(ctx, slot))
	defer cancel()
	if err := h.stopSlot(unitCtx, slot); err != nil {
		return err
	}
	if err := h.removeContainers(ctx, slot); err != nil {
		return err
	}
	return h.forgetSlot(slot)
}

// removeContainers removes what the slot's service has made, by its labels: the
// link that names its release may be gone already.
func (h *Host) removeContainers(ctx context.Context, slot sockets.Slot) error {
	own, err := h.Docker.List(ctx, map[string]string{label.App: slot.App, label.Slot: slot.Color}, true)
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

// forgetSlot removes what is left of the slot: its requests to its service, and
// everything of this boot that carries its name.
func (h *Host) forgetSlot(slot sockets.Slot) error {
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

// removeEntries removes what is named so from a directory that is made anew at
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
