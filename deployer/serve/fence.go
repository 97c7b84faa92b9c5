package serve

import (
	"context"
	"errors"
	"fmt"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/serve/run"
	"edgeman/deployer/state"
	"edgeman/sockets"
)

// Two containers that share volumes must not write at the same time. A slot's
// fence is what has to end before its own containers may start.
type fence string

const (
	noFence         fence = ""
	namedContainers fence = "containers" // those that the pause names
	namedThenOther  fence = "containers, then the other slot"
	otherSlot       fence = "the other slot"
	relaySlot       fence = "the other slot's replacement" // it is live again after that
)

// fenceIn is the slot's fence. An ordinary pause has none until its deadline.
func fenceIn(v view, r role) fence {
	switch p := v.pause; {
	case v.pauseUnknown, r == retired:
		return noFence
	case p.Reason == state.PauseReplace:
		return otherSlot
	case p.Reason == state.PauseStandIn:
		return relaySlot
	case v.now.Before(p.Until) && !fenceAbandoned(v):
		return noFence
	case p.Reason == state.PauseUnadopt: // a native app that stepped aside has left its slot
		return namedThenOther
	}
	return namedContainers
}

// fenceAbandoned tells whether the adoption that holds requests back was killed: nobody
// is there to end it in time.
func fenceAbandoned(v view) bool {
	return !v.pauseUnknown && v.pause.Reason == state.PauseAdopt && len(v.pause.Bars()) > 0 && !v.lockHeld
}

// keepsFence tells whether a pause says more than that requests wait.
func keepsFence(p state.Pause) bool {
	return p.Container != "" || p.Reason == state.PauseReplace || p.Reason == state.PauseStandIn
}

// askFence says why the slot's containers must not start yet; empty if nothing
// keeps them from that.
func (k *keeper) askFence(ctx context.Context, v view, r role) (why string) {
	switch kind := fenceIn(v, r); kind {
	case namedContainers, namedThenOther:
		if why = k.askFenceNamed(ctx, v); why == "" && kind == namedThenOther {
			why = k.askFenceOther(ctx, v)
		}
	case otherSlot:
		why = k.askFenceOther(ctx, v)
	case relaySlot:
		if r == live && !v.otherFilled {
			return k.askFenceOther(ctx, v) // somebody emptied it
		}
		why = k.slot.Other().Color + " replaces its release"
	}
	return why
}

// askFenceNamed asks for the containers that the pause names. One that Docker cannot
// be asked for counts as running.
func (k *keeper) askFenceNamed(ctx context.Context, v view) string {
	for _, id := range v.pause.Bars() {
		other, err := k.containers.Inspect(ctx, id)
		switch {
		case errors.Is(err, docker.ErrNotFound):
		case err == nil && !other.Running && !(fenceAbandoned(v) && restarts(other)):
		case err != nil:
			return fmt.Sprintf("whether container %.12s still runs is unknown: %s", id, run.OneLine(err.Error()))
		default:
			return fmt.Sprintf("container %s still runs, and must not run beside this slot's: edgeman repair %s", other.Name, k.slot.App)
		}
	}
	return ""
}

// restarts tells a container that may be up again in a moment from one that its
// command has stopped: that takes the policy away first.
func restarts(c docker.Container) bool { return c.RestartPolicy != "" && c.RestartPolicy != "no" }

// askFenceOther asks for the end of the other slot and of its containers. It needs no
// command: whatever ends the other slot lets this one begin.
func (k *keeper) askFenceOther(ctx context.Context, v view) string {
	waits := k.slot.Other().Color + " has to end first"
	if v.otherFilled {
		return waits
	}
	found, err := k.containers.InOther(ctx)
	if err != nil {
		return fmt.Sprintf("%s; whether a container of it still runs is unknown: %s", waits, run.OneLine(err.Error()))
	}
	for _, c := range found {
		// One that Docker cannot remove does not start any more either.
		if c.Status != "dead" && c.Status != "removing" {
			return waits
		}
	}
	return ""
}

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
