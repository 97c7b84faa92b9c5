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

func (k *keeper) patience() time.Duration { return time.Duration(k.app.Start.Timeout) }
