package deployer

import (
	"context"
	"fmt"
	"time"

	"edgeman/deployer/state"
	"edgeman/sockets"
)

// awaitDrain waits until the retired slot has ended by itself and reports what
// became of its connections.
func (s *swap) awaitDrain(ctx context.Context, slot sockets.Slot, before int) (state.Ended, error) {
	var none state.Ended
	w := s.wait("drain")
	defer w.done()
	limit := time.Now().Add(s.drain + s.endWait(ctx, slot))
	drained, late, reloaded := time.Duration(0), false, !s.app.Drain.Reload
	for {
		st, _, err := s.Paths.ReadSlotStatus(slot)
		if err != nil {
			return none, err
		}
		if st.Phase == state.PhaseWarm {
			w.done()
			s.step("drain", "%s: kept warm for %s", slot.Color, state.Length(time.Duration(s.app.KeepWarm)))
			return none, nil
		}
		_, filled, err := s.Paths.SlotRelease(slot)
		if err != nil {
			return none, err
		}
		if !filled && drained == 0 {
			drained, late = w.elapsed(), !time.Now().Before(s.terms.Deadline)
		}
		unit, err := s.Units.State(ctx, slot.ServiceUnit())
		if err != nil {
			return none, err
		}
		if !running(unit) { // it has ended, or somebody else ended it
			w.done()
			s.stopTook = st.Stop
			if late { // what was left had until its container ended
				drained = w.elapsed()
			}
			s.step("drain", "%s: %s", slot.Color, howDrained(before, st.Ended(), drained))
			return st.Ended(), s.clearSlot(ctx, slot, false)
		}
		count, err := sockets.Connections(slot.SocketPath(s.Paths.Run))
		if err != nil {
			return none, err
		}
		w.say("%s: %s", slot.Color, s.drainLine(st, filled, count.Total()))
		if by := st.StopsBy.Add(stopSlack); by.After(limit) { // its service knows better
			limit = by
		}
		if !reloaded && w.elapsed() > s.drain/2 {
			// Workers that leave close their idle connections to the app.
			reloaded = true
			if err := s.reload(ctx); err != nil {
				s.note("nginx was not reloaded for the drain: %v", err)
			}
		}
		if time.Now().After(limit) {
			return none, fmt.Errorf("%s did not end by %s%s\nhint: edgeman repair %s", slot, state.Clock(limit), s.whoServes(), slot.App)
		}
		if !sleep(ctx, pollEvery) {
			return none, fmt.Errorf("waiting for %s to drain: %w%s", slot, context.Cause(ctx), s.whoServes())
		}
	}
}

func (s *swap) whoServes() string {
	if s.over {
		return "; the new release serves and the old one ends by itself"
	}
	return ""
}

// tellCleared puts into the history what became of the connections of a slot
// that a later command has waited for: the slot's service leaves that to it.
func (h *Host) tellCleared(slot sockets.Slot, waited bool) error {
	st, _, err := h.Paths.ReadSlotStatus(slot)
	if err != nil || !waited || st.Cut == 0 && st.WebsocketsClosed == 0 {
		return err
	}
	h.step("drain", "%s, release %d: %s", slot.Color, st.Release, st.Ended())
	e := state.Event{
		Time: time.Now().UTC(), Operation: "drain", Release: st.Release, Image: st.Image,
		Slot: slot.String(), By: state.Caller(), Outcome: state.Done,
	}
	e.SetEnded(st.Ended())
	return h.Paths.Record(slot.App, e)
}

// drainLine says what the slot with so many connections left still waits for,
// and until when.
func (s *swap) drainLine(st state.SlotStatus, filled bool, left int) string {
	stopping := "its container is being stopped"
	if !st.StopsBy.IsZero() {
		stopping += ", which may take until " + state.Clock(st.StopsBy)
	}
	switch {
	case !filled && st.Cut > 0: // at most: what ends while the container does is not cut
		return st.CutKinds.Of(st.Cut) + " left, " + stopping
	case !filled:
		return "drained, " + stopping
	case left == 0:
		return "no connections left"
	}
	kinds := st.OpenKinds
	if kinds.Total() != left { // of another moment
		kinds = state.Kinds{}
	}
	line := kinds.Of(left) + " left"
	if kinds.Websockets > 0 && time.Now().Before(s.terms.WebsocketsUntil) {
		line += ", websockets closed in " + until(s.terms.WebsocketsUntil)
	}
	return line + ", cut in " + until(s.terms.Deadline)
}

// howDrained is a finished drain in words.
func howDrained(before int, e state.Ended, took time.Duration) string {
	text := fmt.Sprintf("%d → %s in %s", before, state.Plural(e.Cut, "connection"), seconds(took))
	if e.Closed > 0 {
		text += ", " + state.Plural(e.Closed, "websocket") + " closed"
	}
	switch kinds := e.Kinds.String(); {
	case kinds != "":
		text += ", cut: " + kinds
	case e.Cut > 0:
		text += fmt.Sprintf(", at most %d cut", e.Cut)
	}
	return text
}
