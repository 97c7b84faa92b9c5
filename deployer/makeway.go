package deployer

import (
	"context"
	"fmt"
	"time"

	"edgeman/deployer/state"
	"edgeman/sockets"
)

// way is a slot that steps aside for the adopted containers, because its
// own must not run beside them.
type way struct {
	slot  sockets.Slot
	pause state.Pause
}

// makeWay holds the app's requests back in its live slot and waits until the
// slot's container has stopped. It returns nil where both may run, and where
// the slot is gone already.
func (h *Host) makeWay(ctx context.Context, b back, originals []string, run bool) (*way, error) {
	slot, live, filled, err := h.served(b.app.Name)
	if err != nil || !filled || !b.record.Recreate && len(live.Recreate) == 0 {
		return nil, err
	}
	// It may still drain after a replacement that was interrupted.
	if err := h.clearSlot(ctx, slot.Other(), false); err != nil {
		return nil, err
	}
	now := time.Now()
	until := now.Add(b.drain + b.timeout + reloadWait + stopSlack)
	w := &way{slot: slot, pause: state.PauseFor(until, state.PauseRelease, originals)}
	if run { // they were never stopped: the slot waits for them already
		return w, nil
	}
	h.note("the slot's container is stopped before the original starts; requests wait meanwhile")
	if err := h.Paths.SetDrain(slot, b.app.DrainTerms(now, b.drain)); err != nil {
		return nil, err
	}
	if err := h.Paths.WithState(ctx, b.app.Name, func() error { return h.Paths.DropNext(slot) }); err != nil {
		return nil, err // of a swap that was killed: a recreate would not be interrupted
	}
	if err := h.Paths.SetPause(slot, w.pause); err != nil {
		return nil, err
	}
	return w, h.awaitStopped(ctx, slot, b.drain+stopSlack)
}

// awaitStopped waits until the slot's service has stopped its container.
func (h *Host) awaitStopped(ctx context.Context, slot sockets.Slot, limit time.Duration) error {
	last, in, err := h.watch(ctx, slot, "stop", limit, func(s sight) bool { return s.status.Stopped || !s.runs })
	if err == nil && !in {
		err = fmt.Errorf("%s did not stop its container within %s: %s", slot, state.Length(limit), orDash(last.status.Message))
	}
	return err
}

// forward lets the requests that wait in the slot go to the original.
func (w *way) forward(h *Host, port uint16) error {
	if w == nil {
		return nil
	}
	w.pause.Forward, w.pause.Port = true, port
	return h.Paths.SetPause(w.slot, w.pause)
}

// close gives the slot back to its own container.
func (w *way) close(h *Host) error {
	if w == nil {
		return nil
	}
	return h.Paths.ClearPause(w.slot)
}
