package deployer

import (
	"context"
	"fmt"
	"time"

	"edgeman/deployer/hint"
	"edgeman/deployer/poll"
	"edgeman/deployer/state"
	"edgeman/deployer/words"
	"edgeman/sockets"
	"edgeman/sockets/count"
)

// awaitDrain waits until the retired slot has ended by itself and reports what
// became of its connections.
func (s *swap) awaitDrain(ctx context.Context, slot sockets.Slot, before int) (ended state.Ended, err error) {
	d := draining{swap: s, slot: slot, before: before, limit: time.Now().Add(s.drain + s.endWait(ctx, slot)), reloaded: !s.app.Drain.Reload}
	err = s.await(ctx, "drain", poll.DoneDecides, func(w *waiting) (bool, error) { return d.look(ctx, w) })
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("waiting for %s to drain: %w%s", slot, err, s.whoServes())
	}
	return d.ended, err
}

// draining is the wait for the end of a retired slot.
type draining struct {
	*swap
	slot     sockets.Slot
	before   int // connections at the switch
	ended    state.Ended
	limit    time.Time
	took     time.Duration // until it was empty; zero before
	late     bool          // that was at the deadline
	reloaded bool          // nginx, or that is not wanted
}

func (d *draining) look(ctx context.Context, w *waiting) (bool, error) {
	st, _, err := d.Paths.ReadSlotStatus(d.slot)
	if err != nil {
		return false, err
	}
	if st.Phase == state.PhaseWarm {
		w.done()
		d.step("drain", "%s: kept warm for %s", d.slot.Color, words.Length(time.Duration(d.app.KeepWarm)))
		return true, nil
	}
	_, filled, err := d.Paths.SlotRelease(d.slot)
	if err != nil {
		return false, err
	}
	if !filled && d.took == 0 {
		d.took, d.late = w.elapsed(), !time.Now().Before(d.terms.Deadline)
	}
	unit, err := d.Units.State(ctx, d.slot.ServiceUnit())
	if err != nil {
		return false, err
	}
	if !running(unit) { // it has ended, or somebody else ended it
		w.done()
		return true, d.end(ctx, w, st)
	}
	open, err := count.Unix(d.slot.SocketPath(d.Paths.Run))
	if err != nil {
		return false, err
	}
	w.say("%s: %s", d.slot.Color, d.drainLine(st, filled, open.Total()))
	d.reloadOnce(ctx, w.elapsed())
	if by := st.StopsBy.Add(stopSlack); by.After(d.limit) { // its service knows better
		d.limit = by
	}
	if time.Now().After(d.limit) {
		return false, hint.With(fmt.Errorf("%s did not end by %s%s", d.slot, words.Clock(d.limit), d.whoServes()), "edgeman repair %s", d.slot.App)
	}
	return false, nil
}

// end says what became of the slot's connections.
func (d *draining) end(ctx context.Context, w *waiting, st state.SlotStatus) error {
	d.stopTook, d.ended = st.Stop, st.Ended()
	if d.late { // what was left had until its container ended
		d.took = w.elapsed()
	}
	d.step("drain", "%s: %s", d.slot.Color, howDrained(d.before, d.ended, d.took))
	return d.clearSlot(ctx, d.slot, false)
}

// reloadOnce reloads nginx half-way to the drain's timeout: workers that leave
// close their idle connections to the app.
func (d *draining) reloadOnce(ctx context.Context, waited time.Duration) {
	if d.reloaded || waited <= d.drain/2 {
		return
	}
	d.reloaded = true
	if err := d.reload(ctx); err != nil {
		d.note("nginx was not reloaded for the drain: %v", err)
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
		stopping += ", which may take until " + words.Clock(st.StopsBy)
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
		line += ", websockets closed in " + words.Until(s.terms.WebsocketsUntil)
	}
	return line + ", cut in " + words.Until(s.terms.Deadline)
}

// howDrained is a finished drain in words.
func howDrained(before int, e state.Ended, took time.Duration) string {
	text := fmt.Sprintf("%d → %s in %s", before, words.Plural(e.Cut, "connection"), words.Took(took))
	if e.Closed > 0 {
		text += ", " + words.Plural(e.Closed, "websocket") + " closed"
	}
	switch kinds := e.Kinds.String(); {
	case kinds != "":
		text += ", cut: " + kinds
	case e.Cut > 0:
		text += fmt.Sprintf(", at most %d cut", e.Cut)
	}
	return text
}
