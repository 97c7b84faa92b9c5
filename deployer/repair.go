package deployer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"edgeman/deployer/hint"
	"edgeman/deployer/state"
	"edgeman/deployer/words"
	"edgeman/sockets"
)

// Repair completes or undoes what an interrupted command left of the app, and
// says which. An app that is whole is left alone.
func (h *Host) Repair(ctx context.Context, name string) error {
	if err := sockets.ValidName(name); err != nil {
		return &UsageError{err}
	}
	if _, err := os.Stat(h.Paths.App(name)); errors.Is(err, os.ErrNotExist) {
		return errors.Join(state.NoApp(name), h.Paths.SweepRemoved(name))
	}
	lock, err := h.takeLock(ctx, name, "repair")
	if err != nil {
		return err
	}
	defer lock.Unlock()
	op, interrupted, err := h.Paths.ReadOperation(name)
	if err != nil {
		return err
	}
	if !interrupted {
		return h.repairWhole(ctx, name)
	}
	app, err := h.Paths.ReadApp(name)
	if errors.Is(err, state.ErrNoApp) || errors.Is(err, state.ErrNoSettings) {
		app, err = state.DefaultApp(name), nil
	}
	if err != nil {
		return err
	}
	switch op.Name {
	case "adopt":
		return h.repairAdopt(ctx, app, lock, op)
	case "unadopt":
		return h.repairRelease(ctx, app, lock, op)
	}
	return h.resume(ctx, app)
}

// repairWhole looks after an app that no command was interrupted on.
func (h *Host) repairWhole(ctx context.Context, name string) error {
	app, err := h.Paths.ReadApp(name)
	if errors.Is(err, state.ErrNoApp) || errors.Is(err, state.ErrNoSettings) {
		_, live, liveErr := sockets.ReadLive(h.Paths.Live(name))
		switch {
		case liveErr != nil:
			return errors.Join(err, liveErr)
		case live:
			return h.restoreSettings(name)
		}
		// Killed before it had begun, or after it was over.
		h.note("an interrupted command has left some of %s's files and nothing else: removed", name)
		return h.removeApp(ctx, name)
	}
	if err != nil {
		return err
	}
	return h.repairSlots(ctx, app)
}

// repairAdopt undoes an adoption that nginx does not use yet and completes one
// that it does.
func (h *Host) repairAdopt(ctx context.Context, app state.App, lock *state.Lock, op state.Operation) error {
	record, err := readAdoption(h.Paths, app.Name)
	if errors.Is(err, ErrNotAdopted) { // killed before anything was done
		return h.removeApp(ctx, app.Name)
	}
	if err != nil {
		return err
	}
	if op.Step != stepDrain {
		b := newBack(app, record, lock)
		b.undo = true
		if err := h.giveBack(ctx, b); err != nil {
			return &BrokenError{fmt.Errorf("undoing the adoption of %s: %w", app.Name, err)}
		}
		h.note("the adoption of %s was interrupted at step %q: undone", app.Name, op.Step)
		return nil
	}
	t := &takeover{
		Host: h, slot: sockets.Slot{App: app.Name, Color: sockets.Blue}, app: app, record: record, op: op,
		started: time.Now(), drain: time.Duration(app.Drain.Timeout), timeout: time.Duration(app.Start.Timeout),
	}
	t.name = app.Name
	if t.release, err = h.Paths.ReadRelease(app.Name, record.Release); err != nil {
		return err
	}
	if err = t.holdAgain(ctx); err == nil {
		err = t.retireContainers(ctx)
	}
	if err != nil {
		return &BrokenError{hint.With(fmt.Errorf("completing the adoption of %s: %w", app.Name, err),
			"requests flow; edgeman unadopt %s gives the site back", app.Name)}
	}
	h.note("the adoption of %s was interrupted at step %q: completed", app.Name, op.Step)
	return t.settle("interrupted at step " + op.Step + ", completed")
}

func (h *Host) repairRelease(ctx context.Context, app state.App, lock *state.Lock, op state.Operation) error {
	record, err := readAdoption(h.Paths, app.Name)
	if errors.Is(err, ErrNotAdopted) {
		return h.removeApp(ctx, app.Name)
	}
	if err != nil {
		return err
	}
	b := newBack(app, record, lock)
	if b.live, err = h.chosenBefore(app.Name, op); err != nil {
		return err
	}
	if err := h.giveBack(ctx, b); err != nil {
		return releaseFailed(app.Name, err)
	}
	h.note("giving %s back was interrupted: completed", app.Name)
	return nil
}

// sweepOther empties a slot that is not live and that nothing runs for. One
// that drains or is kept warm ends by itself.
func (h *Host) sweepOther(ctx context.Context, slot sockets.Slot) error {
	unit, err := h.Units.State(ctx, slot.ServiceUnit())
	if err != nil || running(unit) {
		return err
	}
	return h.clearSlot(ctx, slot, false)
}

// restorePointer makes the one slot live that is filled, after somebody has
// removed the pointer.
func (h *Host) restorePointer(ctx context.Context, name string) (sockets.Slot, error) {
	var filled []sockets.Slot
	for _, slot := range slotsOf(name) {
		if _, ok, err := h.Paths.SlotRelease(slot); err != nil {
			return slot, err
		} else if ok {
			filled = append(filled, slot)
		}
	}
	if len(filled) != 1 {
		return sockets.Slot{}, &BrokenError{hint.With(fmt.Errorf("%s has no live pointer, and %d slots are filled", name, len(filled)),
			"edgeman unadopt %s gives the site back", name)}
	}
	err := h.Paths.SetLive(ctx, filled[0])
	if err == nil {
		h.step("switch", "the live pointer was gone: → %s", filled[0].Color)
	}
	return filled[0], err
}

// repairSlots looks for units that should run and do not.
func (h *Host) repairSlots(ctx context.Context, app state.App) error {
	name := app.Name
	live, r, filled, err := h.served(name)
	if err == nil && live == (sockets.Slot{}) {
		if live, err = h.restorePointer(ctx, name); err == nil {
			r, filled, err = h.Paths.SlotRelease(live)
		}
	}
	switch {
	case err != nil:
		return err
	case !filled:
		return &BrokenError{hint.With(fmt.Errorf("the live slot %s is empty", live), "edgeman unadopt %s gives the site back", name)}
	}
	started := false
	for _, unit := range []string{live.SocketUnit(), live.ServiceUnit()} {
		st, err := h.Units.State(ctx, unit)
		if err != nil {
			return err
		}
		if st.Active == "active" || st.Active == "activating" {
			continue
		}
		if err := errors.Join(h.Units.ResetFailed(ctx, unit), h.startUnit(ctx, unit)); err != nil {
			return &BrokenError{err}
		}
		h.step("start", "%s was %s", unit, st.Active)
		started = true
	}
	if err := h.sweepOther(ctx, live.Other()); err != nil {
		return err
	}
	mended, err := h.repairContainers(ctx, live, r)
	if err != nil {
		return err
	}
	if started || mended {
		return h.awaitHealthy(ctx, live, r.Number, time.Duration(app.Start.Timeout))
	}
	return h.sayWhole(ctx, app, live, r.Number)
}

// sayWhole says that there was nothing to repair, which an app that is just
// coming up by itself may still make untrue.
func (h *Host) sayWhole(ctx context.Context, app state.App, live sockets.Slot, release int) error {
	st, _, err := h.Paths.ReadSlotStatus(live)
	if err != nil {
		return err
	}
	if ails := st.Phase == state.PhaseStarting || st.Phase == state.PhaseWaiting || st.Phase == state.PhaseFailed; ails {
		h.note("release %d on %s is not healthy: %s", release, live.Color, words.OrDash(st.Message))
		if err := h.awaitUp(ctx, live, release, time.Duration(app.Start.Timeout)); err != nil {
			return &BrokenError{hint.With(err, "edgeman logs %s -n 50", app.Name)}
		}
	}
	h.note("%s is whole: nothing to repair", app.Name)
	return nil
}

// awaitUp gives a slot that tries to come up again and again the time to do so.
func (h *Host) awaitUp(ctx context.Context, live sockets.Slot, release int, limit time.Duration) error {
	last, in, err := h.watch(ctx, live, "start", limit, func(s sight) bool {
		return s.status.Whole() || s.status.Phase == state.PhaseIdle || s.status.Phase == state.PhaseHolding
	})
	if err == nil && !in {
		err = fmt.Errorf("release %d does not become healthy: %s", release, words.OrDash(last.status.Message))
	}
	return err
}
