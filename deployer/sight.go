package deployer

import (
	"context"
	"errors"
	"time"

	"edgeman/deployer/hint"
	"edgeman/deployer/poll"
	"edgeman/deployer/state"
	"edgeman/deployer/words"
	"edgeman/sockets"
)

// served is the app's live slot and the release in it. The slot is the zero one
// while nothing is live; filled is false while nothing is in it.
func (h *Host) served(app string) (slot sockets.Slot, r state.Release, filled bool, err error) {
	slot, ok, err := sockets.ReadLive(h.Paths.Live(app))
	if err != nil || !ok {
		return sockets.Slot{}, r, false, err
	}
	r, filled, err = h.Paths.SlotRelease(slot)
	return slot, r, filled, err
}

func noLiveSlot(app string) error {
	return hint.With(refuse("%s has no live slot", app), "edgeman repair %s", app)
}

// sight is what a slot looks like at one moment, to those who wait for it.
type sight struct {
	release state.Release
	filled  bool
	status  state.SlotStatus
	runs    bool // its service
}

func (h *Host) see(ctx context.Context, slot sockets.Slot) (s sight, err error) {
	if s.status, _, err = h.Paths.ReadSlotStatus(slot); err != nil {
		return s, err
	}
	if s.release, s.filled, err = h.Paths.SlotRelease(slot); err != nil {
		return s, err
	}
	unit, err := h.Units.State(ctx, slot.ServiceUnit())
	s.runs = running(unit)
	return s, err
}

// watch looks at the slot until done, for at most limit; in is false when it
// ended too late. What the slot's service says is shown meanwhile.
func (h *Host) watch(ctx context.Context, slot sockets.Slot, what string, limit time.Duration, done func(sight) bool) (last sight, in bool, err error) {
	err = h.await(ctx, what, limit, func(w *waiting) (_ bool, err error) {
		if last, err = h.see(ctx, slot); err != nil {
			return false, err
		}
		w.say("%s: %s", slot.Color, words.OrDash(last.status.Message))
		return done(last), nil
	})
	if err != nil && (errors.Is(err, poll.ErrLate) || ctx.Err() != nil) {
		return last, false, nil
	}
	return last, true, err
}
