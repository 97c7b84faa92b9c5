// Package pause holds an app's requests back and lets them through again.
package pause

import (
	"context"
	"errors"
	"fmt"
	"time"

	"edgeman/deployer/console"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/patience"
	"edgeman/deployer/poll"
	"edgeman/deployer/slots"
	"edgeman/deployer/state"
	"edgeman/deployer/words"
	"edgeman/sockets"
)

// Host is what pause and resume touch.
type Host struct {
	*slots.Host
	Patience *patience.Host
}

// Options are the choices of `edgeman pause`.
type Options struct {
	App     string
	Max     time.Duration
	LetWait bool // accept that requests fail which wait longer than nginx does
}

// Pause holds the app's requests back, as many as nginx can keep, until Resume or
// until o.Max has passed. It returns when the app is at rest: nothing reaches it
// any more.
func (h *Host) Pause(ctx context.Context, o Options) error {
	slot, unlock, err := h.lockLive(ctx, o.App, "pause")
	if err != nil {
		return err
	}
	defer unlock()
	started := time.Now()
	begun, err := h.pause(ctx, slot, o)
	if !begun {
		return err
	}
	if err != nil && outcome.Signalled(ctx) {
		err = fmt.Errorf("%w; requests reach %s as before", outcome.Blame(ctx, err), slot)
	}
	return errors.Join(err, h.recordHold(slot, "pause", started, err))
}

// pause is Pause with the lock held; begun tells whether requests were held back.
func (h *Host) pause(ctx context.Context, slot sockets.Slot, o Options) (begun bool, err error) {
	expected, err := h.Patience.Of(slot, o.Max)
	if err != nil {
		return false, err
	}
	expected.Last, expected.What, expected.Let = o.Max, "the pause may take", o.LetWait
	expected.Parts, expected.Lower = []patience.Part{{What: "the pause may take", Time: o.Max}}, ", or pause for less with --max"
	if err := h.Patience.Weigh(ctx, expected, h.Patience.PatienceWith(slot.App)); err != nil {
		return false, err
	}
	app, err := h.Paths.ReadApp(slot.App)
	if err != nil {
		return false, err
	}
	now := time.Now()
	until := now.Add(o.Max)
	pause := state.Pause{Until: until, Reason: state.PauseAsked, WebsocketsUntil: app.DrainTerms(now, o.Max).WebsocketsUntil}
	if err := h.Paths.SetPause(slot, pause); err != nil {
		return false, err
	}
	return true, h.awaitRest(ctx, slot, o.Max, until)
}

// awaitRest waits until nothing is inside the app any more.
func (h *Host) awaitRest(ctx context.Context, slot sockets.Slot, limit time.Duration, until time.Time) error {
	inside := "its service says nothing" // why it does not hold yet
	var st state.SlotStatus
	err := h.Await(ctx, "pause", time.Until(until), func(w *console.Waiting) (done bool, err error) {
		if st, _, err = h.Paths.ReadSlotStatus(slot); err != nil || st.Phase == state.PhaseHolding {
			return true, err
		}
		if st.Message != "" { // at the deadline it has none: requests flow again
			inside = st.Message
		}
		w.Say("%s: %s", slot.Color, inside)
		return false, nil
	})
	switch {
	case err == nil:
		left := max(0, time.Until(until))
		text := fmt.Sprintf("%s holds its requests until %s at the latest, for another %s", slot, words.Clock(until), words.Took(left))
		if st.WebsocketsClosed > 0 {
			text += ", " + words.Plural(st.WebsocketsClosed, "websocket") + " closed"
		}
		h.Step("pause", "%s", text)
		return nil
	case errors.Is(err, poll.ErrLate) || ctx.Err() != nil:
		if err := h.Paths.ClearPause(slot); err != nil {
			return err
		}
		return hint.With(fmt.Errorf("something still reached %s after %s (%s); requests flow as before", slot, words.Length(limit), inside),
			"set --max longer than nginx keeps idle connections (some seconds) and longer than the longest request takes; drain.websockets ends websockets")
	}
	return err
}

// recordHold records a pause or its end in the history. It belongs to no release,
// so that no rollback goes by it.
func (h *Host) recordHold(slot sockets.Slot, operation string, started time.Time, err error) error {
	e := state.Event{
		Time: time.Now().UTC(), Operation: operation, Slot: slot.String(), By: state.Caller(),
		Seconds: state.Seconds(time.Since(started)), Outcome: state.Done,
	}
	if err != nil {
		e.Outcome, e.Note = state.Failed, words.FirstLine(err.Error())
	}
	return h.Paths.Record(slot.App, e)
}

// Resume lets a paused app's requests through.
func (h *Host) Resume(ctx context.Context, name string) error {
	slot, unlock, err := h.lockLive(ctx, name, "resume")
	if err != nil {
		return err
	}
	defer unlock()
	if _, paused, err := h.Paths.ReadPause(slot); err != nil {
		return err
	} else if !paused {
		h.Note("%s is not paused", name)
		return nil
	}
	if err := h.Paths.ClearPause(slot); err != nil {
		return err
	}
	h.Step("resume", "%s serves", slot)
	return h.recordHold(slot, "resume", time.Now(), nil)
}

// refuseHeld refuses a slot that waits for another container to end:
// resumed early, the two would run side by side.
func (h *Host) refuseHeld(slot sockets.Slot) error {
	p, _, err := h.Paths.ReadPause(slot)
	if err == nil && p.Reason != "" && p.Reason != state.PauseAsked {
		return hint.With(outcome.Refuse("%s holds its requests back until another container has ended (%s)", slot, p.Reason), "edgeman repair %s", slot.App)
	}
	return err
}

// lockLive takes the app's lock and finds its live slot, unless that is held for
// another reason than a pause.
func (h *Host) lockLive(ctx context.Context, name, operation string) (sockets.Slot, func(), error) {
	if _, err := h.Paths.ReadApp(name); err != nil {
		return sockets.Slot{}, nil, err
	}
	lock, err := h.TakeLock(ctx, name, operation)
	if err != nil {
		return sockets.Slot{}, nil, err
	}
	slot, ok, err := sockets.ReadLive(h.Paths.Live(name))
	if err == nil && !ok {
		err = slots.NoLiveSlot(name)
	}
	if err == nil {
		err = h.refuseHeld(slot)
	}
	if err != nil {
		lock.Unlock()
		return sockets.Slot{}, nil, err
	}
	return slot, lock.Unlock, nil
}
