package serve

import (
	"context"
	"fmt"
	"time"

	"edgeman/deployer/serve/run"
	"edgeman/deployer/state"
)

// obeyPause holds requests back while a pause says so. Only the deadline inside
// the file counts, so a pause ends by itself, after a reboot too, unless a
// container runs that must not run beside the slot's.
func (k *keeper) obeyPause(ctx context.Context) {
	p, on, err := k.paths.ReadPause(k.slot)
	if err != nil {
		k.log("%v; not pausing", err)
	}
	k.barred, k.orphan = "", err == nil && p.Reason == state.PauseAdopt && len(p.Bars()) > 0 && !k.attended()
	if on && k.orphan {
		on = false // nobody is there to end it in time
	}
	switch {
	case err != nil, k.role == retired:
	case p.Reason == state.PauseReplace:
		k.barred, on = k.behind(ctx), false
	case p.Reason == state.PauseStandIn:
		k.barred, on = k.standIn(ctx, p), false
	case !on:
		k.barred = k.bar(ctx, p)
		if k.barred == "" && p.Reason == state.PauseRelease { // a native app that stepped aside has left its slot
			k.barred = k.behind(ctx)
		}
	}
	on = err == nil && (on || k.barred != "") && k.role != retired
	// A retired slot can be wanted again, so it keeps what bars its container.
	bars := p.Container != "" || p.Reason == state.PauseReplace || p.Reason == state.PauseStandIn
	if !on && !p.Until.IsZero() && (!bars || k.role != retired) {
		if err := k.paths.ClearPause(k.slot); err != nil {
			k.log("%v", err)
		}
	}
	k.pause = p
	if on != k.paused {
		k.turnPause(ctx, on)
	} else if k.refreeze {
		k.freezeAgain(ctx)
	}
	if on {
		k.endWebsockets(p.WebsocketsUntil)
	}
	if on && p.Reason == state.PauseRelease {
		k.halt(ctx)
	} else {
		k.halted = false
	}
}

// turnPause begins or ends the holding back.
func (k *keeper) turnPause(ctx context.Context, on bool) {
	k.paused, k.pausedAt, k.trouble = on, time.Now(), ""
	freeze := on && (k.pause.Reason == state.PauseAsked || k.pause.Reason == state.PauseAdopt)
	turned := k.containers.Frozen.Swap(freeze) != freeze
	if on {
		k.ended = state.Ended{}
		k.log("holding requests until %s", state.Clock(k.pause.Until))
	} else {
		k.log("letting requests in again")
	}
	switch {
	case k.release.Mode == run.Native:
		if turned {
			k.freezeAgain(ctx)
		}
	case on:
		k.hold()
	default:
		k.resume()
	}
}

// hold stops what comes in: new connections stay in the kernel's queue, those
// that wait for the app go on waiting. What is inside the app goes on.
func (k *keeper) hold() {
	k.open = false
	k.front.Gate.Shut()
	if k.release.Mode == run.Native { // the app takes connections in for as long as it runs
		k.accept(false)
		return
	}
	k.front.Hold()
}

func (k *keeper) resume() {
	if err := k.front.Admit(); err != nil {
		k.log("%v", err)
	}
}

// describePause puts the pause into the status. The slot holds only once
// nothing is inside the app any more.
func (k *keeper) describePause(st *state.SlotStatus) {
	st.Deadline, st.Stopped = k.pause.Until, k.halted
	switch {
	case k.handed != nil && k.orphan:
		st.Message = "requests go there: " + k.barred
	case k.pause.Reason == state.PauseReplace && !k.prepared:
		if k.trouble != "" {
			st.Phase, st.Message = state.PhaseFailed, k.trouble
		}
		return
	case k.refreeze:
		st.Message = k.trouble
		return // the app goes on
	case k.barred != "":
		st.Message = "requests wait: " + k.barred
	case k.trouble != "":
		st.Message = k.trouble
	case st.Open > 0 && !k.halted:
		st.OpenKinds = k.front.Conns.Kinds(st.Open)
		st.Message = st.OpenKinds.Of(st.Open) + " left"
		return
	case k.halted:
		st.Message = fmt.Sprintf("container stopped, requests wait until %s (%s)", state.Clock(k.pause.Until), k.pause.Reason)
	default:
		st.Message = fmt.Sprintf("requests wait until %s (%s)", state.Clock(k.pause.Until), k.pause.Reason)
	}
	st.Phase = state.PhaseHolding
}

// waitForTurn creates the container of a slot while the one it takes the place
// of still runs, and leaves it at that: both together could spoil their volumes.
func (k *keeper) waitForTurn(ctx context.Context) {
	if k.prepared || k.pause.Reason == state.PauseStandIn {
		return
	}
	err := k.prepare(ctx, k.newGroup(k.release, nil))
	k.prepared, k.trouble = err == nil, ""
	if err != nil {
		k.trouble = run.OneLine(err.Error())
		k.log("%v", err)
	}
}

// prepare creates containers without starting them.
func (k *keeper) prepare(ctx context.Context, g *run.Group) error {
	return k.containers.With(ctx, g.Prepare)
}

// freeze stops the native containers' processes, or lets them go on. It tells
// whether that is done; if not, it is tried again at every look.
func (k *keeper) freeze(ctx context.Context, on bool) (done bool) {
	k.containers.Frozen.Store(on)
	return k.freezeAgain(ctx)
}

func (k *keeper) freezeAgain(ctx context.Context) (done bool) {
	err := k.containers.Freeze(ctx, k.release)
	if err != nil {
		k.trouble = run.OneLine(err.Error())
		k.log("%v", err)
	} else if k.refreeze {
		k.trouble = ""
	}
	k.refreeze = err != nil
	return err == nil
}
