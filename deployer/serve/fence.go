package serve

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/serve/run"
	"edgeman/deployer/state"
)

// Two containers that share volumes must not write at the same time: the
// slot's own and the one that an app was adopted from, or is given back to.

// keptOut tells whether a pause keeps the slot's container from starting.
func (k *keeper) keptOut() bool {
	return k.paused && (k.pause.Reason != state.PauseAsked || k.pause.Container != "")
}

// bar says why the slot's container must not start although the deadline of
// the pause has passed; empty if nothing keeps it from that. A container that
// Docker cannot be asked for counts as running.
func (k *keeper) bar(ctx context.Context, p state.Pause) string {
	for _, id := range p.Bars() {
		other, err := k.containers.Inspect(ctx, id)
		switch {
		case errors.Is(err, docker.ErrNotFound):
		case err == nil && !other.Running && !(k.orphan && restarts(other)):
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

// attended tells whether a command works on the app. It is assumed where that
// cannot be read: waiting spoils nothing.
func (k *keeper) attended() bool {
	_, held, err := k.paths.LockHolder(k.slot.App)
	return held || err != nil
}

// halt stops the slot's container for a release, once nothing is inside the
// app any more or the drain's deadline has passed.
func (k *keeper) halt(ctx context.Context) {
	if k.halted {
		return
	}
	now, terms := time.Now(), k.haltTerms()
	k.endWebsockets(terms.WebsocketsUntil)
	inside, _ := k.front.Gate.Counts()
	if inside > 0 && now.Before(terms.Deadline) {
		return
	}
	if k.group != nil && inside > 0 {
		k.cutOff(inside)
	}
	k.progress("stopping release %d", k.release.Number)
	if k.containers.Frozen.Load() {
		k.freeze(ctx, false) // what is frozen does not get the signal
	}
	if err := k.stopReplicas(ctx); err != nil {
		k.trouble = run.OneLine(err.Error())
		k.log("%v", err)
		return
	}
	k.halted, k.trouble = true, ""
}

// haltTerms are those on which connections end for a release.
func (k *keeper) haltTerms() state.Drain {
	if d, ok, err := k.paths.ReadDrain(k.slot); err == nil && ok {
		return d
	}
	return k.app.DrainTerms(k.pausedAt, time.Duration(k.app.Drain.Timeout))
}

// attach looks after the containers of a retired slot that still run. One that
// does not is never started: nobody is to use it, and another may have its
// volumes.
func (k *keeper) attach(ctx context.Context) {
	var running []string
	for _, name := range k.release.Containers(k.slot.Color) {
		c, err := k.containers.Inspect(ctx, name)
		switch {
		case err == nil && c.Running:
			running = append(running, name)
		case err != nil && !errors.Is(err, docker.ErrNotFound):
			k.log("%v", err)
			return
		}
	}
	if len(running) == 0 {
		k.over, k.drain = true, state.Drain{}
		return
	}
	k.lookAfter(func(name string) bool { return slices.Contains(running, name) })
}

// complete lets all containers of a slot that is wanted again be looked after
// where attach has found only some of them. Connections go on.
func (k *keeper) complete() {
	if k.group == nil || k.group.Whole() {
		return
	}
	k.front.Gate.Shut()
	k.group.End()
	k.group.Free()
	k.group = nil
}

// behind says why the slot's container must not start yet in the place of the
// other slot's; empty once that slot is empty and its containers are gone. It
// needs no command: whatever ends the other slot lets this one begin.
func (k *keeper) behind(ctx context.Context) string {
	other := k.slot.Other()
	waits := other.Color + " has to end first"
	if _, filled, err := k.paths.SlotRelease(other); err != nil || filled {
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
