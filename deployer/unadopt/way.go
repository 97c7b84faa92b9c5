package unadopt

import (
	"context"
	"errors"
	"fmt"
	"time"

	"edgeman/deployer/site"
	"edgeman/deployer/slots"
	"edgeman/deployer/state"
	"edgeman/deployer/words"
	"edgeman/sockets"
)

// way is a slot that steps aside for the adopted containers, because its
// own must not run beside them.
type way struct {
	slot  sockets.Slot
	pause state.Pause
	held  bool // by this run; else it holds its requests back already
}

// makeWay holds the app's requests back in its live slot and waits until the
// slot's container has stopped. It returns nil where both may run, and where
// the slot is gone already.
func (h *Host) makeWay(ctx context.Context, b giving, originals []string, run bool) (*way, error) {
	slot, live, filled, err := slots.Served(h.Paths, b.app.Name)
	if err != nil || !filled || !b.record.StopFirst && len(live.StopFirst) == 0 {
		return nil, err
	}
	// It may still drain after a replacement that was interrupted.
	if err := h.ClearSlot(ctx, slot.Other(), false); err != nil {
		return nil, err
	}
	ending := h.EndWait(ctx, slot)
	until := time.Now().Add(b.drain + b.patient + site.ReloadWait + ending)
	w := &way{slot: slot, pause: state.PauseFor(until, state.PauseUnadopt, originals)}
	if run { // they were never stopped: the slot waits for them already
		return w, nil
	}
	h.Note("the slot's container is stopped before the original starts; requests wait until then")
	if itself, err := h.acceptsItself(slot, live); err != nil {
		return nil, err
	} else if itself {
		return w, h.stepAside(ctx, b, w, live)
	}
	if err := h.Paths.Yield(ctx, slot, b.app.DrainTerms(time.Now(), b.drain), w.pause); err != nil {
		return nil, err
	}
	w.held = true
	return w, h.awaitStopped(ctx, slot, b.drain+ending)
}

// acceptsItself tells whether the slot's app accepts connections itself at this
// moment, so that nobody else can hold them back.
func (h *Host) acceptsItself(slot sockets.Slot, r state.Release) (bool, error) {
	p, _, err := h.Paths.ReadPause(slot)
	st, _, stErr := h.Paths.ReadSlotStatus(slot)
	held := p.Reason != "" && p.Reason != state.PauseAsked // by an earlier run, too
	return r.Mode == "native" && !held && st.Phase != state.PhaseIdle, errors.Join(err, stErr)
}

// stepAside makes way for a release that accepts connections itself. Nobody else
// can stop that, so requests wait in the other slot's socket, where nothing runs,
// and the release drains as after any switch.
func (h *Host) stepAside(ctx context.Context, b giving, w *way, live state.Release) error {
	switched, err := h.toOther(ctx, b, w.slot, live, func(other sockets.Slot) error {
		if err := h.Fill(ctx, other, live, w.pause); err != nil {
			return err
		}
		return h.awaitStopped(ctx, other, b.timeout)
	})
	if switched {
		w.slot, w.held = w.slot.Other(), true
	}
	return err
}

// awaitStopped waits until the slot's service has stopped its container.
func (h *Host) awaitStopped(ctx context.Context, slot sockets.Slot, limit time.Duration) error {
	last, in, err := h.Watch(ctx, slot, "stop", limit, func(s slots.View) bool { return s.Status.Stopped || !s.Runs })
	if err == nil && !in {
		err = fmt.Errorf("%s did not stop its container within %s: %s", slot, words.Length(limit), words.OrDash(last.Status.Message))
	}
	return err
}

// forward lets the requests that wait in the slot go to the original.
func (w *way) forward(h *Host, ports []state.Listener) error {
	if w == nil {
		return nil
	}
	w.pause.Forward, w.pause.Ports = true, ports
	return h.Paths.SetPause(w.slot, w.pause)
}

// close gives the slot back to its own container: at once, or when its service
// sees that what must not run beside that has ended.
func (w *way) close(h *Host) error {
	if w == nil || !w.held {
		return nil
	}
	w.pause.Until = time.Now()
	return h.Paths.SetPause(w.slot, w.pause)
}
