package serve

import (
	"context"
	"time"

	"edgeman/deployer/serve/run"
	"edgeman/deployer/state"
	"edgeman/sockets"
	"edgeman/sockets/count"
)

// Nobody but a native app itself can stop its accepting. So while its slot
// replaces its container, the other slot is live without any: requests wait in
// that one's socket, which no app holds. The slot at work is asked by probes
// alone, as in an overlap. When it is well again it becomes live again, and the
// other one passes on what waited.

// standIn says why requests still wait in this slot, and makes the other live
// again once it has settled on a release. It needs no command for that.
func (k *keeper) standIn(ctx context.Context, p state.Pause) string {
	other := k.slot.Other()
	waits := other.Color + " replaces its release"
	if k.role != live {
		return waits
	}
	if _, filled, err := k.paths.SlotRelease(other); err == nil && !filled {
		return k.behind(ctx) // somebody emptied it
	}
	if err := k.paths.SwitchBack(ctx, k.slot, func() (bool, error) { return k.settled(other, p.Until) }); err != nil {
		k.log("%v", err)
	}
	return waits
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

// relays tells whether the slot passes on what waited: it has stood in, or was
// retired while it slept, and has no container of its own.
func (k *keeper) relays() bool {
	return k.role == retired && (k.pause.Reason == state.PauseStandIn || k.asleep)
}

// inside counts the connections that a replacement must not cut, and says when
// to count again: those that passed this process, or those to a native app that
// no new ones come to.
func (k *keeper) inside() (n int, again time.Duration) {
	if k.release.Mode != run.Native || k.role == live {
		n, _ = k.front.Gate.Counts()
		return n, lookHolding
	}
	open, err := k.host.count(k.slot.SocketPath(k.paths.Run))
	if err != nil {
		// Without the kernel's count only the deadline ends the wait.
		k.log("%v", err)
		open = count.Connections{Established: 1}
	}
	n = open.Total()
	switch {
	case n > 0:
		k.zeroSince = time.Time{}
	case k.zeroSince.IsZero():
		k.zeroSince = time.Now()
	}
	return n, quietCheck
}
