package unadopt

import (
	"context"
	"errors"

	"edgeman/deployer/adoption"
	"edgeman/deployer/state"
)

func (h *Host) Finish(ctx context.Context, app state.App, lock *state.Lock, op state.Operation) error {
	record, err := adoption.Read(h.Paths, app.Name)
	if errors.Is(err, adoption.ErrNone) {
		return h.RemoveApp(ctx, app.Name)
	}
	if err != nil {
		return err
	}
	b := newGiving(app, record, lock)
	if b.live, err = h.chosenBefore(app.Name, op); err != nil {
		return err
	}
	if err := h.giveBack(ctx, b); err != nil {
		return releaseFailed(app.Name, err)
	}
	h.Note("giving %s back was interrupted: completed", app.Name)
	return nil
}
