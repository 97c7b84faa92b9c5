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

// tellCleared records in the history what became of the connections of a slot
// that a later command has waited for; the slot's service leaves that to it.
func (h *Host) tellCleared(slot sockets.Slot, waited bool) error {
	st, _, err := h.Paths.ReadSlotStatus(slot)
	if err != nil || !waited || st.Cut == 0 && st.WebsocketsClosed == 0 {
		return err
	}
	h.Step("drain", "%s, release %d: %s", slot.Color, st.Release, st.Text())
	e := state.Event{
		Time: time.Now().UTC(), Operation: "drain", Release: st.Release, Image: st.Image,
		Slot: slot.String(), By: state.Caller(), Outcome: state.Done,
	}
	e.Ended = st.Ended
	return h.Paths.Record(slot.App, e)
}

// HowDrained is a finished drain in words.
func HowDrained(before int, e state.Ended, took time.Duration) string {
	text := fmt.Sprintf("%d → %s in %s", before, words.Plural(e.Cut, "connection"), words.Took(took))
	if e.WebsocketsClosed > 0 {
		text += ", " + words.Plural(e.WebsocketsClosed, "websocket") + " closed"
	}
	switch kinds := e.CutKinds.String(); {
	case kinds != "":
		text += ", cut: " + kinds
	case e.Cut > 0:
		text += fmt.Sprintf(", at most %d cut", e.Cut)
	}
	return text
}

// Abandon empties a slot that users never saw. It goes on after its context was
// cancelled, because half a slot must not stay.
func (h *Host) Abandon(ctx context.Context, slot sockets.Slot) error {
	ctx = context.WithoutCancel(ctx)
	ctx, cancel := context.WithTimeout(ctx, UnitWait+h.EndWait(ctx, slot))
	defer cancel()
	_, err := h.Paths.Empty(ctx, slot, nil)
	if err == nil {
		err = h.StopSlot(ctx, slot)
	}
	if err == nil {
		err = h.RemoveContainers(ctx, slot)
	}
	if err == nil {
		err = h.Paths.Forget(slot)
	}
	if err != nil {
		return &outcome.BrokenError{Err: hint.With(fmt.Errorf("emptying %s: %w", slot, err), "edgeman repair %s", slot.App)}
	}
	return nil
}

// EndWait is how long the end of the slot may take beyond its drain: a container
// has its own stop timeout to finish what it is at.
func (h *Host) EndWait(ctx context.Context, slot sockets.Slot) time.Duration {
	own, err := h.OwnContainers(ctx, slot)
	if err != nil {
		return StopSlack
	}
	return Grace(own) + StopSlack
}

// ClearSlot waits until a slot that is not live is empty. A slot that still
// drains is given its deadline, or cut at once if the operator said so; one
// that nothing runs for is emptied here.
func (h *Host) ClearSlot(ctx context.Context, slot sockets.Slot, cut bool) error {
	if cut {
		if err := h.Paths.SetDrain(slot, state.Drain{Deadline: time.Now()}); err != nil {
			return err
		}
	}
	waited := false
	err := h.Await(ctx, "drain", poll.DoneDecides, func(w *console.Waiting) (bool, error) {
		s, err := h.Look(ctx, slot)
		switch {
		case err != nil:
			return false, err
		case !s.filled && !s.Runs:
			w.Done()
			return true, errors.Join(h.Paths.Forget(slot), h.Units.Stop(ctx, slot.SocketUnit()), h.tellCleared(slot, waited))
		case s.filled && !s.Runs:
			return true, h.Abandon(ctx, slot)
		}
		if s.Status.Phase == state.PhaseWarm { // it is needed now
			if err := h.Paths.EndWarm(slot); err != nil {
				return false, err
			}
		}
		w.Say("%s still ends: %s", slot.Color, words.OrDash(s.Status.Message))
		if drainOverdue(s.Status, w.Elapsed()) {
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

// drainOverdue tells whether a slot that ends has had the time that its service says
// it needs, or has been silent for too long.
func drainOverdue(st state.SlotStatus, waited time.Duration) bool {
	ends := st.Deadline
	if st.StopsBy.After(ends) {
		ends = st.StopsBy
	}
	if ends.IsZero() {
		return waited > silentWait
	}
	return time.Since(ends) > StopSlack
}
