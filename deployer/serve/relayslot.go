package serve

import (
	"context"
	"time"

	"edgeman/deployer/state"
	"edgeman/sockets"
)

// Nobody but a native app itself can stop its accepting. So while its slot
// replaces its container, the other slot is live without any: requests wait in
// that one's socket, which no app holds. The slot at work is asked by probes
// alone, as in an overlap. When it is well again it becomes live again, and the
// other one passes on what waited.

// pointBack makes the other slot live again once it has settled on a release. It
// needs no command for that.
func (k *keeper) pointBack(ctx context.Context) error {
	other, until := k.slot.Other(), k.seen.pause.Until
	return k.paths.SwitchBack(ctx, k.slot, func() (bool, error) { return k.settled(other, until) })
}

// settled tells whether the other slot has done what was asked of it and serves,
// or has had its time.
func (k *keeper) settled(other sockets.Slot, until time.Time) (bool, error) {
	r, filled, err := k.paths.SlotRelease(other)
	if err != nil || !filled {
		return false, err
	}
	if _, pending, err := k.paths.NextRelease(other); err != nil || pending {
		return false, err
	}
	st, _, err := k.paths.ReadSlotStatus(other)
	return (st.Phase == state.PhaseHealthy || st.Phase == state.PhaseIdle) && st.Release == r.Number || time.Now().After(until), err
}
