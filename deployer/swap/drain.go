package swap

import (
	"context"
	"fmt"
	"time"

	"edgeman/deployer/console"
	"edgeman/deployer/hint"
	"edgeman/deployer/poll"
	"edgeman/deployer/slots"
	"edgeman/deployer/state"
	"edgeman/deployer/words"
	"edgeman/sockets"
	"edgeman/sockets/count"
)

// drainOld waits for the end of the old slot, or leaves it to itself.
func (s *swap) drainOld(ctx context.Context) error {
	open, err := count.Unix(s.old.SocketDir(s.Paths.Run))
	if err != nil {
		return err
	}
	if err := s.lock.Candidate(sockets.Slot{}); err != nil {
		return err
	}
	if s.Detach {
		s.draining = true
		s.Step("drain", "%s: %s, at most %s, in the background", s.old.Color, words.Plural(open.Total(), "connection"), words.Length(s.Drain))
		return nil
	}
	d := drain{swap: s, before: open.Total(), limit: time.Now().Add(s.Drain + s.EndWait(ctx, s.old)), reloaded: !s.app.Drain.Reload}
	err = s.Await(ctx, "drain", poll.DoneDecides, func(w *console.Waiting) (bool, error) { return d.look(ctx, w) })
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("waiting for %s to drain: %w%s", s.old, err, newServes)
	}
	return err
}

// newServes ends what is said of a drain that goes wrong: it follows the switch.
const newServes = "; the new release serves, and the old one will end on its own"

// drain is the wait for the end of the old slot.
type drain struct {
	*swap
	before   int // connections at the switch
	limit    time.Time
	took     time.Duration // until it was empty; zero before
	late     bool          // that was at the deadline
	reloaded bool          // nginx has been, or need not be
}

func (d *drain) look(ctx context.Context, w *console.Waiting) (bool, error) {
	st, _, err := d.Paths.ReadSlotStatus(d.old)
	if err != nil {
		return false, err
	}
	if st.Phase == state.PhaseWarm {
		w.Done()
		d.Step("drain", "%s: kept warm for %s", d.old.Color, words.Length(time.Duration(d.app.KeepWarm)))
		return true, nil
	}
	_, filled, err := d.Paths.SlotRelease(d.old)
	if err != nil {
		return false, err
	}
	if !filled && d.took == 0 {
		d.took, d.late = w.Elapsed(), !time.Now().Before(d.terms.Deadline)
	}
	unit, err := d.Units.State(ctx, d.old.ServiceUnit())
	if err != nil {
		return false, err
	}
	if !slots.Running(unit) { // it has ended, or somebody else ended it
		w.Done()
		return true, d.end(ctx, w, st)
	}
	open, err := count.Unix(d.old.SocketDir(d.Paths.Run))
	if err != nil {
		return false, err
	}
	w.Say("%s: %s", d.old.Color, d.drainLine(st, filled, open.Total()))
	d.reloadOnce(ctx, w.Elapsed())
	if by := st.StopsBy.Add(slots.StopSlack); by.After(d.limit) { // its service knows better
		d.limit = by
	}
	if time.Now().After(d.limit) {
		return false, hint.With(fmt.Errorf("%s did not end by %s%s", d.old, words.Clock(d.limit), newServes), "edgeman repair %s", d.App)
	}
	return false, nil
}

// end says what became of the slot's connections.
func (d *drain) end(ctx context.Context, w *console.Waiting, st state.SlotStatus) error {
	d.stopTook, d.ended = st.Stop, st.Ended
	if d.late { // what was left had until its container ended
		d.took = w.Elapsed()
	}
	d.Step("drain", "%s: %s", d.old.Color, slots.HowDrained(d.before, d.ended, d.took))
	return d.ClearSlot(ctx, d.old, false)
}

// reloadOnce reloads nginx half-way to the drain's timeout: workers that leave
// close their idle connections to the app.
func (d *drain) reloadOnce(ctx context.Context, waited time.Duration) {
	if d.reloaded || waited <= d.Drain/2 {
		return
	}
	d.reloaded = true
	if err := d.Site.Reload(ctx); err != nil {
		d.Note("nginx was not reloaded for the drain: %v", err)
	}
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
	if kinds.Total() != left { // counted at different moments
		kinds = state.Kinds{}
	}
	line := kinds.Of(left) + " left"
	if kinds.Websockets > 0 && time.Now().Before(s.terms.WebsocketsUntil) {
		line += ", websockets closed in " + words.Until(s.terms.WebsocketsUntil)
	}
	return line + ", cut in " + words.Until(s.terms.Deadline)
}
