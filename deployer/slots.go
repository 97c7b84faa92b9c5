package deployer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/hint"
	"edgeman/deployer/poll"
	"edgeman/deployer/state"
	"edgeman/deployer/words"
	"edgeman/sockets"
	"edgeman/sockets/systemd"
)

const (
	pollEvery  = 50 * time.Millisecond
	unitWait   = 30 * time.Second // for one systemd job
	stopSlack  = 45 * time.Second // for the end of a slot, beyond its drain and its container's own stop timeout
	silentWait = 2 * time.Minute  // for a slot's service that says nothing of a deadline
	exitsFatal = 3                // a new container that ended this often will not get well
	tailLines  = 20
)

// slotsOf are an app's two slots.
func slotsOf(app string) []sockets.Slot {
	return []sockets.Slot{{App: app, Color: sockets.Blue}, {App: app, Color: sockets.Green}}
}

// abandon empties a slot that users never saw. It works on after a cancelled
// context, because half a slot must not stay.
func (h *Host) abandon(ctx context.Context, slot sockets.Slot) error {
	ctx = context.WithoutCancel(ctx)
	ctx, cancel := context.WithTimeout(ctx, unitWait+h.endWait(ctx, slot))
	defer cancel()
	_, err := h.Paths.Empty(ctx, slot, nil)
	if err == nil {
		err = h.stopSlot(ctx, slot)
	}
	if err == nil {
		err = h.removeContainers(ctx, slot)
	}
	if err == nil {
		err = h.Paths.Forget(slot)
	}
	if err != nil {
		return &BrokenError{hint.With(fmt.Errorf("emptying %s: %w", slot, err), "edgeman repair %s", slot.App)}
	}
	return nil
}

// endWait is how long the end of the slot may take beyond its drain: a container
// has its own stop timeout to finish what it is at.
func (h *Host) endWait(ctx context.Context, slot sockets.Slot) time.Duration {
	own, err := h.ownContainers(ctx, slot)
	if err != nil {
		return stopSlack
	}
	return grace(own) + stopSlack
}

// stopSlot stops the slot's units and waits for them. The service goes first: a
// container may hold the listener, and a socket unit must not be stopped under
// it. A connection in between starts a service that finds the slot empty.
func (h *Host) stopSlot(ctx context.Context, slot sockets.Slot) error {
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

// removeContainer makes sure that the container is gone. The slot's service
// removes it, too, and Docker refuses a removal that is under way: then it is
// enough to wait for its end.
func (h *Host) removeContainer(ctx context.Context, name string) error {
	var last error
	_ = poll.Until(ctx, unitWait, pollEvery, func() (bool, error) {
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

// makeRoom empties the idle slot for the next release, and says how a wait for
// what still drains there can be cut short.
func (s *swap) makeRoom(ctx context.Context, idle sockets.Slot) error {
	seen, err := s.see(ctx, idle)
	if err != nil {
		return err
	}
	st := seen.status
	if seen.runs && st.Phase == state.PhaseDraining && st.Open > 0 && !s.cut && s.op.Name != "rollback" {
		s.note("%s still drains from an earlier swap: %s; --cut ends that at once", idle.Color, words.OrDash(st.Message))
	}
	return s.clearSlot(ctx, idle, s.cut)
}

// clearSlot waits until a slot that is not live is empty. A slot that still
// drains is given its deadline, or cut at once if the operator said so; one
// that nothing runs for is emptied here.
func (h *Host) clearSlot(ctx context.Context, slot sockets.Slot, cut bool) error {
	if cut {
		if err := h.Paths.SetDrain(slot, state.Drain{Deadline: time.Now()}); err != nil {
			return err
		}
	}
	waited := false
	err := h.await(ctx, "drain", poll.DoneDecides, func(w *waiting) (bool, error) {
		s, err := h.see(ctx, slot)
		switch {
		case err != nil:
			return false, err
		case !s.filled && !s.runs:
			w.done()
			return true, errors.Join(h.Paths.Forget(slot), h.Units.Stop(ctx, slot.SocketUnit()), h.tellCleared(slot, waited))
		case s.filled && !s.runs:
			return true, h.abandon(ctx, slot)
		}
		if s.status.Phase == state.PhaseWarm { // it is needed now
			if err := h.Paths.EndWarm(slot); err != nil {
				return false, err
			}
		}
		w.say("%s still ends: %s", slot.Color, words.OrDash(s.status.Message))
		if overdue(s.status, w.elapsed()) {
			return false, hint.With(fmt.Errorf("%s did not end at its deadline", slot), "journalctl -u %s", slot.ServiceUnit())
		}
		waited = true
		return false, nil
	})
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("waiting for %s to drain: %w", slot, err)
	}
	return err
}

// overdue tells whether a slot that ends has had the time that its service says
// it needs, or has been silent for too long.
func overdue(st state.SlotStatus, waited time.Duration) bool {
	ends := st.Deadline
	if st.StopsBy.After(ends) {
		ends = st.StopsBy
	}
	if ends.IsZero() {
		return waited > silentWait
	}
	return time.Since(ends) > stopSlack
}

// running tells whether systemd has a process for the unit, or will have one.
func running(u systemd.Unit) bool {
	switch u.Active {
	case "active", "activating", "deactivating", "reloading":
		return true
	}
	return false
}
