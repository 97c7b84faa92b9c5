package serve

import (
	"context"
	"errors"
	"fmt"
	"time"

	"edgeman/deployer/state"
	"edgeman/sockets"
)

// A process that holds the listener can shut it down for everybody, and a Unix
// socket that was shut down does not come back. The other slot has one that
// nobody holds yet: it is live as soon as it listens, and requests wait there
// until a container of the same release has started in it. What is inside the
// old one is finished as after any switch.

// failOver gets the app away from a slot whose listener was shut down. False means
// that the slot has to stay, and needs a new socket.
func (k *keeper) failOver(ctx context.Context) bool {
	if k.role == retired {
		return true // it only drains
	}
	if k.role != live {
		return false
	}
	if err := k.switchToOther(ctx); err != nil {
		k.log("%v", err)
		return false
	}
	trigger(k.changes)
	return true
}

func (k *keeper) switchToOther(ctx context.Context) error {
	other := k.slot.Other()
	begun := time.Now()
	lock, err := k.paths.TakeLock(ctx, k.slot.App, "move", 0)
	if err != nil {
		return err
	}
	defer lock.Unlock()
	if _, filled, err := k.paths.SlotRelease(other); err != nil || filled {
		return errors.Join(err, fmt.Errorf("%s is not empty", other))
	}
	if err := lock.Candidate(other); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, unitLimit)
	defer cancel()
	err = k.host.openSlot(ctx, other, func() error { return k.fillOther(other) })
	if err == nil {
		terms := state.Drain{Deadline: time.Now().Add(time.Duration(k.app.Drain.Timeout))}
		err = k.paths.Switch(ctx, k.slot, k.release.Number, terms, nil)
	}
	if err != nil {
		err = fmt.Errorf("moving to %s: %w", other, err)
		return errors.Join(err, k.emptyOther(context.WithoutCancel(ctx), other))
	}
	k.outcome.dead = true
	lost := k.host.listeners.lost()
	k.log("the listening socket of %s was %s; moved to %s", k.slot, lost, other)
	k.warn(k.paths.Record(k.slot.App, state.Event{
		Time: time.Now().UTC(), Operation: "move", Release: k.release.Number, From: k.release.Number, Image: k.release.Image,
		Slot: other.String(), By: "edgeman serve", Seconds: state.Seconds(time.Since(begun)), Outcome: state.Done,
		Note: "the listening socket of " + k.slot.Color + " was " + lost,
	}))
	return nil
}

// fillOther makes the other slot run this one's release. Where two containers
// must not run at the same time, it waits for the end of this one's.
func (k *keeper) fillOther(other sockets.Slot) error {
	hold := state.Pause{}
	if app := k.settings(); app.Strategy == state.StopFirst || app.Strategy == state.Auto && len(k.release.StopFirst) > 0 {
		hold.Until, hold.Reason = time.Now().Add(time.Duration(app.Drain.Timeout+app.Start.Timeout)), state.PauseReplace
	}
	return k.paths.Fill(other, k.release.Number, hold)
}

// emptyOther takes back what fillOther did: the slot's service, if it runs, ends
// by itself.
func (k *keeper) emptyOther(ctx context.Context, other sockets.Slot) error {
	_, err := k.paths.Empty(ctx, other, nil)
	if errors.Is(err, state.ErrLive) {
		return nil
	}
	return errors.Join(err, k.paths.Forget(other), k.host.stopUnit(ctx, other.SocketUnit()))
}
