package slots

import (
	"context"
	"errors"
	"time"

	"edgeman/deployer/state"
	"edgeman/deployer/words"
)

// TakeLock takes the app's lock. When another command holds it, it says which,
// and waits for as long as the operator said.
func (h *Host) TakeLock(ctx context.Context, app, operation string) (*state.Lock, error) {
	lock, err := h.Paths.TakeLock(ctx, app, operation, 0)
	if !errors.Is(err, state.ErrLocked) || h.LockWait <= 0 {
		return lock, err
	}
	if holder, held, err := h.Paths.LockHolder(app); err == nil && held {
		h.Note("waiting up to %s for edgeman %s of %s (pid %d, for %s)",
			h.LockWait, holder.Operation, app, holder.PID, time.Since(holder.Since).Round(time.Second))
	}
	return h.Paths.TakeLock(ctx, app, operation, h.LockWait)
}

// LockHost is TakeLock for commands that change what all apps depend on. Nothing
// is locked for a dry run.
func (h *Host) LockHost(ctx context.Context, operation string, dryRun bool) (unlock func(), err error) {
	if dryRun {
		return func() {}, nil
	}
	lock, err := h.Paths.LockHost(ctx, operation, 0)
	if errors.Is(err, state.ErrLocked) && h.LockWait > 0 {
		h.Note("waiting up to %s: %s", h.LockWait, words.FirstLine(err.Error()))
		lock, err = h.Paths.LockHost(ctx, operation, h.LockWait)
	}
	if err != nil {
		return nil, err
	}
	return lock.Unlock, nil
}
