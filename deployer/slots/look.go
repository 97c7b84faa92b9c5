package slots

import (
	"context"
	"errors"
	"time"

	"edgeman/deployer/console"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/poll"
	"edgeman/deployer/state"
	"edgeman/deployer/words"
	"edgeman/sockets"
)

// Served is the app's live slot and the release in it. The slot is the zero one
// while nothing is live; filled is false while nothing is in it.
func Served(p state.Paths, app string) (slot sockets.Slot, r state.Release, filled bool, err error) {
	slot, ok, err := sockets.ReadLive(p.Live(app))
	if err != nil || !ok {
		return sockets.Slot{}, r, false, err
	}
	r, filled, err = p.SlotRelease(slot)
	return slot, r, filled, err
}

func NoLiveSlot(app string) error {
	return hint.With(outcome.Refuse("%s has no live slot", app), "edgeman repair %s", app)
}

// View is what a slot looks like at one moment, to those who wait for it.
type View struct {
	release state.Release
	filled  bool
	Status  state.SlotStatus
	Runs    bool // its service
}

func (h *Host) Look(ctx context.Context, slot sockets.Slot) (s View, err error) {
	if s.Status, _, err = h.Paths.ReadSlotStatus(slot); err != nil {
		return s, err
	}
	if s.release, s.filled, err = h.Paths.SlotRelease(slot); err != nil {
		return s, err
	}
	unit, err := h.Units.State(ctx, slot.ServiceUnit())
	s.Runs = Running(unit)
	return s, err
}

// Watch looks at the slot until done, for at most limit; in is false when it
// ended too late. What the slot's service says is shown during the wait.
func (h *Host) Watch(ctx context.Context, slot sockets.Slot, what string, limit time.Duration, done func(View) bool) (last View, in bool, err error) {
	err = h.Await(ctx, what, limit, func(w *console.Waiting) (_ bool, err error) {
		if last, err = h.Look(ctx, slot); err != nil {
			return false, err
		}
		w.Say("%s: %s", slot.Color, words.OrDash(last.Status.Message))
		return done(last), nil
	})
	if err != nil && (errors.Is(err, poll.ErrLate) || ctx.Err() != nil) {
		return last, false, nil
	}
	return last, true, err
}
