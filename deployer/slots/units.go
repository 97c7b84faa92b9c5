package slots

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"edgeman/deployer/state"
	"edgeman/sockets"
	"edgeman/sockets/systemd"
	"edgeman/templates"
)

// EnableUnits makes both slots' units listen at the app's sockets and start at boot;
// only a filled slot does either.
func (h *Host) EnableUnits(ctx context.Context, app string, listeners []state.Listener) error {
	if _, err := h.WriteListeners(app, listeners); err != nil {
		return err
	}
	return h.changeUnits(ctx, app, h.Units.Enable)
}

// DisableUnits undoes that.
func (h *Host) DisableUnits(ctx context.Context, app string) error {
	for _, slot := range Both(app) {
		if err := os.RemoveAll(filepath.Join(h.Paths.Units, slot.SocketUnit()+".d")); err != nil {
			return fmt.Errorf("removing what makes %s listen: %w", slot, err)
		}
	}
	return h.changeUnits(ctx, app, h.Units.Disable)
}

func (h *Host) changeUnits(ctx context.Context, app string, change func(context.Context, ...string) error) error {
	ctx, cancel := context.WithTimeout(ctx, UnitWait)
	defer cancel()
	var units []string
	for _, slot := range Both(app) {
		units = append(units, slot.SocketUnit(), slot.ServiceUnit())
	}
	if err := change(ctx, units...); err != nil {
		return err
	}
	return h.Units.Reload(ctx)
}

// WriteListeners puts down where both slots' sockets are, and tells whether it had
// to. Systemd knows it once it is reloaded.
func (h *Host) WriteListeners(app string, listeners []state.Listener) (changed bool, err error) {
	for _, slot := range Both(app) {
		f, err := templates.RenderListeners(slot.SocketUnit(), state.ListenerNames(listeners))
		if err != nil {
			return changed, err
		}
		path := filepath.Join(h.Paths.Units, f.Path)
		if have, err := os.ReadFile(path); err == nil && bytes.Equal(have, f.Content) {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return changed, fmt.Errorf("creating %s: %w", filepath.Dir(path), err)
		}
		if err := state.WriteFile(path, f.Content, f.Mode); err != nil {
			return changed, err
		}
		changed = true
	}
	return changed, nil
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
