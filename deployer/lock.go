package deployer

import (
	"context"
	"errors"
	"time"

	"edgeman/deployer/state"
)

// takeLock takes the app's lock. When another command holds it, it says which,
// and waits for as long as the operator said.
func (h *Host) takeLock(ctx context.Context, app, operation string) (*state.Lock, error) {
	lock, err := h.Paths.TakeLock(ctx, app, operation, 0)
	if !errors.Is(err, state.ErrLocked) || h.Wait <= 0 {
		return lock, err
	}
	if holder, held, err := h.Paths.LockHolder(app); err == nil && held {
		h.note("waiting up to %s for edgeman %s of %s (pid %d, for %s)",
			h.Wait, holder.Operation, app, holder.PID, time.Since(holder.Since).Round(time.Second))
	}
	return h.Paths.TakeLock(ctx, app, operation, h.Wait)
}
