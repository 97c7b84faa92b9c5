package deployer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/state"
	"edgeman/sockets"
)

// Rollback makes an earlier release live again: at once while its slot still
// runs, otherwise by a swap to that release's own record.
func (h *Host) Rollback(ctx context.Context, o RollbackOptions) (SwapResult, error) {
	s, err := h.beginSwap(ctx, o.App, "rollback", o.Drain, o.Timeout)
	if err != nil {
		return SwapResult{}, err
	}
	defer s.lock.Unlock()
	target, err := s.rollbackTarget(o.Release)
	if err != nil {
		return SwapResult{}, err
	}
	s.again(target)
	back, err := s.stillRuns(ctx)
	if err != nil {
		return SwapResult{}, s.failed(err)
	}
	if back {
		return s.switchBack(ctx)
	}
	if err := s.imagePresent(ctx); err != nil {
		return SwapResult{}, s.failed(err)
	}
	return s.run(ctx)
}

// rollbackTarget is the release that was asked for, or the one that the live
// release replaced.
func (s *swap) rollbackTarget(number int) (state.Release, error) {
	if number == 0 {
		events, err := s.Paths.History(s.app.Name)
		if err != nil {
			return state.Release{}, err
		}
		for i := len(events) - 1; i >= 0 && number == 0; i-- {
			e := events[i]
			if e.Outcome == state.Done && e.Release == s.current.Number && e.From != e.Release {
				number = e.From
			}
		}
	}
	if number == 0 {
		return state.Release{}, refuse("release %d of %s is the first: nothing to roll back to", s.current.Number, s.app.Name)
	}
	if number == s.current.Number {
		return state.Release{}, refuse("release %d of %s is live already\nhint: edgeman history %s", number, s.app.Name, s.app.Name)
	}
	r, err := s.Paths.ReadRelease(s.app.Name, number)
	if errors.Is(err, state.ErrNoRelease) {
		return r, refuse("%s has no release %d any more\nhint: edgeman history %s", s.app.Name, number, s.app.Name)
	}
	return r, err
}

// stillRuns tells whether the target is up in the other slot.
func (s *swap) stillRuns(ctx context.Context) (bool, error) {
	idle := s.old.Other()
	r, filled, err := s.Paths.SlotRelease(idle)
	if err != nil || !filled || r.Number != s.next.Number {
		return false, err
	}
	st, ok, err := s.Paths.ReadSlotStatus(idle)
	if err != nil || !ok || st.Phase != state.PhaseWarm && st.Phase != state.PhaseDraining {
		return false, err
	}
	unit, err := s.Units.State(ctx, idle.ServiceUnit())
	return err == nil && unit.Active == "active", err
}

// switchBack is the whole rollback when the old slot still runs: under the
// state lock the slot cannot be emptied, so what is filled stays up.
func (s *swap) switchBack(ctx context.Context) (SwapResult, error) {
	idle := s.old.Other()
	s.op.Slot = idle.String()
	result := SwapResult{
		App: s.app.Name, Strategy: "switch", Slot: idle.String(), Release: s.next.Number, Image: s.next.Image,
		Digest: s.next.Digest, From: s.current.Number, Previous: s.current.Image,
	}
	if err := s.lock.Candidate(idle); err != nil {
		return result, err
	}
	_, filled, err := s.Paths.SlotRelease(idle)
	if err != nil {
		return result, err
	}
	if !filled { // it ended between the two looks: swap to its release instead
		return s.run(ctx)
	}
	before, err := s.switchTo(ctx, idle)
	if err != nil {
		return result, s.failed(err)
	}
	s.step("switch", "live → %s, which still ran", idle.Color)
	if result.Cut, err = s.awaitDrain(ctx, s.old, before); err != nil {
		return result, err
	}
	result.Seconds = time.Since(s.started).Seconds()
	if err := s.Paths.EndOperation(s.app.Name); err != nil {
		return result, err
	}
	return result, s.record(state.Done, result.Cut, "")
}

// imagePresent refuses a rollback to an image that is gone, before anything is
// touched.
func (s *swap) imagePresent(ctx context.Context) error {
	_, err := s.Docker.Image(ctx, s.next.ImageID)
	if errors.Is(err, docker.ErrNotFound) {
		return refuse("the image of release %d (%s) is gone from this host\nhint: edgeman swap %s %s pulls it again",
			s.next.Number, s.next.Image, s.app.Name, s.next.Image)
	}
	return err
}

// resume deals with what an interrupted command left, and says so. The caller
// holds the app's lock.
func (h *Host) resume(ctx context.Context, app state.App) error {
	op, ok, err := h.Paths.ReadOperation(app.Name)
	if err != nil || !ok {
		return err
	}
	switch op.Name {
	case "adopt":
		return refuse("the adoption of %s was interrupted at step %q\nhint: edgeman repair %s undoes or completes it", app.Name, op.Step, app.Name)
	case "release":
		return refuse("%s was being released, interrupted at step %q\nhint: edgeman release %s completes it", app.Name, op.Step, app.Name)
	}
	return h.resumeSwap(ctx, app, op)
}

// resumeSwap completes a swap that had switched and undoes one that had not.
func (h *Host) resumeSwap(ctx context.Context, app state.App, op state.Operation) error {
	live, _, err := sockets.ReadLive(h.Paths.Live(app.Name))
	if err != nil {
		return err
	}
	outcome, verb := state.Failed, "undone"
	if live.String() == op.Slot {
		outcome, verb = state.Done, "completed"
	}
	if op.Slot == live.String() && op.Step == "recreate" {
		// In place: the slot's own service decides which release stays.
		current, _, err := h.Paths.SlotRelease(live)
		if err != nil {
			return err
		}
		if current.Number != op.Release {
			outcome, verb = state.Failed, "undone"
		}
	}
	if op.Slot != "" {
		// Only a candidate that users never saw may be cut short.
		if err := h.clearSlot(ctx, live.Other(), op.Step == "start"); err != nil {
			return fmt.Errorf("after an interrupted %s: %w", op.Name, err)
		}
	}
	h.note("%s of %s to release %d was interrupted at step %q on %s: %s", op.Name, app.Name, op.Release, op.Step, op.Started.Format(time.DateTime), verb)
	if outcome == state.Failed && op.Name == "swap" { // it never served
		if err := h.Paths.RemoveRelease(app.Name, op.Release); err != nil {
			return err
		}
	}
	if err := h.Paths.EndOperation(app.Name); err != nil {
		return err
	}
	return h.Paths.Record(app.Name, state.Event{
		Time: time.Now().UTC(), Operation: op.Name, Release: op.Release, From: op.From, Slot: op.Slot,
		By: state.Caller(), Outcome: outcome, Note: "interrupted at step " + op.Step + ", " + verb,
	})
}
