package slots

import (
	"context"

	"edgeman/sockets"
	"edgeman/sockets/systemd"
)

// EnableUnits makes both slots' units start at boot; only a filled slot listens.
func (h *Host) EnableUnits(ctx context.Context, app string, on bool) error {
	ctx, cancel := context.WithTimeout(ctx, UnitWait)
	defer cancel()
	var units []string
	for _, slot := range Both(app) {
		units = append(units, slot.SocketUnit(), slot.ServiceUnit())
	}
	change := h.Units.Disable
	if on {
		change = h.Units.Enable
	}
	if err := change(ctx, units...); err != nil {
		return err
	}
	return h.Units.Reload(ctx)
}

// StopSlot stops the slot's units and waits for them. The service goes first: a
// container may hold the listener, and a socket unit must not be stopped under
// it. A connection in between starts a service that finds the slot empty.
func (h *Host) StopSlot(ctx context.Context, slot sockets.Slot) error {
	for _, unit := range []string{slot.ServiceUnit(), slot.SocketUnit()} {
		if err := h.Units.Stop(ctx, unit); err != nil {
			return err
		}
		if err := h.Units.ResetFailed(ctx, unit); err != nil {
			return err
		}
	}
	return nil
}

// Running tells whether systemd has a process for the unit, or will have one.
func Running(u systemd.Unit) bool {
	switch u.Active {
	case "active", "activating", "deactivating", "reloading":
		return true
	}
	return false
}
