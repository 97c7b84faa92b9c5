package adopt

import (
	"context"
	"errors"
	"fmt"
	"time"

	"edgeman/deployer/adoption"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/state"
	"edgeman/sockets"
)

// Finish undoes an adoption that nginx does not use yet and completes one
// that it does.
func (h *Host) Finish(ctx context.Context, app state.App, lock *state.Lock, op state.Operation) error {
	record, err := adoption.Read(h.Paths, app.Name)
	if errors.Is(err, adoption.ErrNone) { // killed before anything was done
		return h.Unadopt.RemoveApp(ctx, app.Name)
	}
	if err != nil {
		return err
	}
	if op.Step != adoption.StepDrain {
		if err := h.Unadopt.Undo(ctx, app, record, lock, false); err != nil {
			return &outcome.BrokenError{Err: fmt.Errorf("undoing the adoption of %s: %w", app.Name, err)}
		}
		h.Note("the adoption of %s was interrupted at step %q: undone", app.Name, op.Step)
		return nil
	}
	t := &takeover{
		Host: h, candidate: candidate{name: app.Name}, slot: sockets.Slot{App: app.Name, Color: sockets.Blue}, app: app, record: record, op: op,
		started: time.Now(), drain: time.Duration(app.Drain.Timeout), timeout: time.Duration(app.Start.Timeout),
	}
	if t.release, err = h.Paths.ReadRelease(app.Name, record.Release); err != nil {
		return err
	}
	if err = t.holdAgain(ctx); err == nil {
		err = t.retireContainers(ctx)
	}
	if err != nil {
		return &outcome.BrokenError{Err: hint.With(fmt.Errorf("completing the adoption of %s: %w", app.Name, err),
			"requests flow; edgeman unadopt %s gives the site back", app.Name)}
	}
	h.Note("the adoption of %s was interrupted at step %q: completed", app.Name, op.Step)
	return t.settle("interrupted at step " + op.Step + ", completed")
}
