package serve

import (
	"context"
	"errors"
	"slices"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/serve/run"
	"edgeman/deployer/state"
)

// action is one thing that a decision asks for, and how the keeper does it.
type action struct {
	name string
	do   func(*keeper, context.Context) error
}

var (
	clearDrain      = &action{"clear the terms of the retirement", func(k *keeper, _ context.Context) error { return k.paths.ClearDrain(k.slot) }}
	clearPause      = &action{"clear the pause", func(k *keeper, _ context.Context) error { return k.paths.ClearPause(k.slot) }}
	letGo           = &action{"let go of the containers", func(k *keeper, _ context.Context) error { k.letGo(); return nil }}
	freezeOrThaw    = &action{"freeze or thaw the containers", (*keeper).freezeOrThaw}
	holdRequests    = &action{"hold requests", func(k *keeper, _ context.Context) error { k.holdRequests(); return nil }}
	admitRequests   = &action{"admit requests", func(k *keeper, _ context.Context) error { return k.front.Admit() }}
	closeWebsockets = &action{"close websockets", (*keeper).closeWebsockets}
	pointBack       = &action{"make the other slot live again", (*keeper).pointBack}
	forwardRequests = &action{"forward requests to the originals", (*keeper).forwardRequests}
	endForward      = &action{"forward no more", func(k *keeper, _ context.Context) error { k.endForward(); return nil }}
	stopForOriginal = &action{"stop the containers for the originals", (*keeper).stopForOriginal}
	dropNext        = &action{"drop the next release", (*keeper).dropNext}
	replaceRelease  = &action{"replace the release", (*keeper).replaceRelease}
	watchQueue      = &action{"watch the queue", func(k *keeper, _ context.Context) error { k.watchQueue(); return nil }}
	endWatch        = &action{"watch the queue no more", func(k *keeper, _ context.Context) error { k.endWatch(); return nil }}
	wake            = &action{"wake the app", (*keeper).wake}
	holdNeeds       = &action{"hold what the app needs", (*keeper).holdNeeds}
	removeHolder    = &action{"remove the holder", (*keeper).removeHolder}
	fallAsleep      = &action{"fall asleep", (*keeper).fallAsleep}
	attach          = &action{"attach to what runs", (*keeper).attach}
	create          = &action{"create the containers", (*keeper).create}
	start           = &action{"start the containers", func(k *keeper, _ context.Context) error { k.attendTo(nil); return nil }}
)

// attendTo attends to the slot's containers from now on, or to those of them that
// which names.
func (k *keeper) attendTo(which func(name string) bool) {
	k.group, k.phase = k.newGroup(k.release, which), attended
	k.group.Begin()
}

// newGroup are the release's containers, or those of them that which names.
func (k *keeper) newGroup(r state.Release, which func(name string) bool) *run.Group {
	return k.containers.Group(r, k.patience(), which)
}

// attach attends to the containers of a retired slot that still run. One that does
// not is never started: nobody is to use it, and another may have its volumes.
func (k *keeper) attach(ctx context.Context) error {
	var running []string
	for _, name := range k.release.Containers(k.slot.Color) {
		c, err := k.containers.Inspect(ctx, name)
		switch {
		case err == nil && c.Running:
			running = append(running, name)
		case err != nil && !errors.Is(err, docker.ErrNotFound):
			return err
		}
	}
	if len(running) == 0 {
		k.phase, k.drain = gone, drain{}
		return nil
	}
	k.attendTo(func(name string) bool { return slices.Contains(running, name) })
	return nil
}

// letGo leaves the containers as they are; another group is to have all of them.
// Connections go on.
func (k *keeper) letGo() {
	k.front.Gate.Shut()
	k.group.End()
	k.group.Free()
	k.group = nil
}

// create makes the containers and starts none.
func (k *keeper) create(ctx context.Context) error {
	err := k.containers.With(ctx, k.newGroup(k.release, nil).Prepare)
	if err != nil {
		k.phase = unattended
	}
	return k.troubled(err)
}

// troubled keeps for the status what went wrong, or that nothing did.
func (k *keeper) troubled(err error) error {
	k.trouble = ""
	if err != nil {
		k.trouble = run.OneLine(err.Error())
	}
	return err
}

// freezeOrThaw stops the native containers' processes, or lets them go on. What
// fails is tried again at every look.
func (k *keeper) freezeOrThaw(ctx context.Context) error {
	err := k.containers.Freeze(ctx, k.release)
	if err != nil || k.thawing {
		_ = k.troubled(err)
	}
	k.thawing = err != nil
	return err
}

// freeze does so whatever was decided.
func (k *keeper) freeze(ctx context.Context, on bool) error {
	k.frozen = on
	k.containers.Frozen.Store(on)
	return k.freezeOrThaw(ctx)
}

// stopForOriginal stops the slot's containers, for those that the app is given
// back to.
func (k *keeper) stopForOriginal(ctx context.Context) error {
	if k.group != nil && k.seen.inside > 0 {
		k.cutOff(k.seen.inside)
	}
	k.progress("stopping release %d", k.release.Number)
	if k.frozen {
		k.warn(k.freeze(ctx, false)) // what is frozen does not get the signal
	}
	err := k.troubled(k.stopGroup(ctx))
	if err != nil {
		k.phase = unattended
	}
	trigger(k.changes) // requests may be forwarded now
	return err
}

// stopGroup stops the containers that the slot runs.
func (k *keeper) stopGroup(ctx context.Context) error {
	if k.group != nil {
		k.group.End()
	}
	err := k.containers.Stop(ctx, k.release.Containers(k.slot.Color))
	if k.group != nil {
		k.group.Free()
		k.group = nil
	}
	return err
}

// closeWebsockets closes those that have had their time in a pause.
func (k *keeper) closeWebsockets(context.Context) error {
	k.endWebsockets(k.seen.pause.WebsocketsUntil)
	if k.seen.pause.Reason == state.PauseRelease && k.phase != stopped {
		k.endWebsockets(k.terms(k.holdSince).WebsocketsUntil)
	}
	return nil
}

func (k *keeper) patience() time.Duration { return time.Duration(k.app.Start.Timeout) }
