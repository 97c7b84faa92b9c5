package slots

import (
	"context"
	"errors"
	"fmt"
	"time"

	"edgeman/deployer/console"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/poll"
	"edgeman/deployer/state"
	"edgeman/deployer/words"
	"edgeman/sockets"
)

// SettleStandIn waits until requests no longer wait in a slot that stands in for
// the other, which the two services bring about.
func (h *Host) SettleStandIn(ctx context.Context, app state.App) error {
	limit := time.Duration(app.Drain.Timeout) + time.Duration(app.Start.Timeout)
	for _, slot := range Both(app.Name) {
		limit += h.EndWait(ctx, slot)
	}
	var live sockets.Slot
	var st state.SlotStatus
	err := h.Await(ctx, "start", limit, func(w *console.Waiting) (done bool, err error) {
		live, done, err = sockets.ReadLive(h.Paths.Live(app.Name))
		if err != nil || !done {
			return true, err
		}
		p, _, err := h.Paths.ReadPause(live)
		if err != nil || p.Reason != state.PauseStandIn {
			return true, err
		}
		if err := h.Paths.WithdrawNext(ctx, live.Other(), 0); err != nil {
			return false, err
		}
		if st, _, err = h.Paths.ReadSlotStatus(live); err != nil {
			return false, err
		}
		w.Say("%s: %s", live.Color, words.OrDash(st.Message))
		return false, nil
	})
	if err != nil && (errors.Is(err, poll.ErrLate) || ctx.Err() != nil) {
		return hint.With(fmt.Errorf("%s still stands in for %s: %s", live, live.Other(), words.OrDash(st.Message)), "journalctl -u 'edgeman@%s:*'", app.Name)
	}
	return err
}

// SweepOther empties a slot that is not live and that nothing runs for. One
// that drains or is kept warm ends on its own.
func (h *Host) SweepOther(ctx context.Context, slot sockets.Slot) error {
	unit, err := h.Units.State(ctx, slot.ServiceUnit())
	if err != nil || Running(unit) {
		return err
	}
	return h.ClearSlot(ctx, slot, false)
}

// Resume deals with what an interrupted command left, and says so. The caller
// holds the app's lock.
func (h *Host) Resume(ctx context.Context, app state.App) error {
	op, ok, err := h.Paths.ReadOperation(app.Name)
	if err != nil || !ok {
		return err
	}
	switch op.Name {
	case "adopt":
		return hint.With(outcome.Refuse("the adoption of %s was interrupted at step %q", app.Name, op.Step), "edgeman repair %s undoes or completes it", app.Name)
	case "unadopt":
		return hint.With(outcome.Refuse("%s was being given back, interrupted at step %q", app.Name, op.Step), "edgeman unadopt %s completes it", app.Name)
	}
	return h.resumeSwap(ctx, app, op)
}

// resumeSwap completes a swap that had switched and undoes one that had not.
func (h *Host) resumeSwap(ctx context.Context, app state.App, op state.Operation) error {
	done, err := h.settleSwap(ctx, app, op)
	if err == nil && done && op.Mode != "" {
		err = h.Paths.SetMode(app.Name, op.Mode)
	}
	if err != nil {
		return err
	}
	outcome, verb := state.Failed, "undone"
	if done {
		outcome, verb = state.Done, "completed"
	}
	h.Note("%s of %s to release %d was interrupted at step %q on %s: %s", op.Name, app.Name, op.Release, op.Step, op.Started.Format(time.DateTime), verb)
	// Before it is forgotten; without it only the history says less.
	r, err := h.Paths.ReadRelease(app.Name, op.Release)
	if err != nil && !errors.Is(err, state.ErrNoRelease) {
		h.Note("%s", words.FirstLine(err.Error()))
	}
	if !done && op.Name == "swap" && op.Release > 0 { // it never served
		if err := h.ForgetRelease(ctx, app.Name, op.Release); err != nil {
			return err
		}
	}
	// The history first: a release that is forgotten and not in there would give
	// its number away, and one that serves could not be rolled back.
	err = h.Paths.Record(app.Name, state.Event{
		Time: time.Now().UTC(), Operation: op.Name, Release: op.Release, Image: r.Image, Digest: r.Digest, From: op.From, Slot: op.Slot,
		By: state.Caller(), Outcome: outcome, Note: "interrupted at step " + op.Step + ", " + verb,
	})
	if err != nil {
		return err
	}
	return h.Paths.EndOperation(app.Name)
}

// settleSwap waits until one slot is live and the other one empty, and tells
// whether the release that was swapped to serves.
func (h *Host) settleSwap(ctx context.Context, app state.App, op state.Operation) (done bool, err error) {
	if err := h.SettleStandIn(ctx, app); err != nil {
		return false, err
	}
	live, _, err := sockets.ReadLive(h.Paths.Live(app.Name))
	if err != nil {
		return false, err
	}
	switch {
	case op.StopsFirst():
		err = errors.Join(h.settleStopFirst(ctx, app, live), h.SweepOther(ctx, live.Other()))
	case op.Slot != "" && live.String() != op.Slot:
		// A candidate that users never saw may be cut short; a slot that was on
		// its way back to being live has connections of its own.
		err = h.ClearSlot(ctx, live.Other(), op.Step == "start")
	}
	if err != nil {
		return false, fmt.Errorf("after an interrupted %s: %w", op.Name, err)
	}
	current, filled, err := h.Paths.SlotRelease(live)
	return filled && live.String() == op.Slot && current.Number == op.Release, err
}

// settleStopFirst takes an interrupted request back and waits until the slot's
// service has decided which release it runs: the new one may have been proven
// healthy just before.
func (h *Host) settleStopFirst(ctx context.Context, app state.App, slot sockets.Slot) error {
	if err := h.Paths.WithdrawNext(ctx, slot, 0); err != nil {
		return err
	}
	limit := time.Duration(app.Drain.Timeout) + time.Duration(app.Start.Timeout) + h.EndWait(ctx, slot)
	last, in, err := h.Watch(ctx, slot, "start", limit, func(s View) bool {
		rests := s.Status.Phase == state.PhaseHealthy || s.Status.Phase == state.PhaseIdle
		return !s.Runs || s.filled && rests && s.Status.Release == s.release.Number
	})
	if err == nil && !in {
		err = hint.With(fmt.Errorf("%s did not settle: %s", slot, words.OrDash(last.Status.Message)), "journalctl -u %s", slot.ServiceUnit())
	}
	return err
}
