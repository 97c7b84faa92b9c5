package serve

import (
	"context"
	"time"

	"edgeman/deployer/serve/carry"
	"edgeman/deployer/serve/run"
	"edgeman/deployer/state"
)

// accept starts or stops taking connections in. In native mode the app takes
// them itself.
func (k *keeper) accept(on bool) {
	if k.refuse != nil && !on {
		k.refuse()
		k.refuse = nil
	}
	if on == (k.refuse != nil) {
		return
	}
	// A release before this one may have wanted it otherwise.
	if err := k.host.listener.SetBlocking(false); err != nil {
		k.log("%v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = k.front.Run(ctx) // a dead listener shows at the next look, too
		poke(k.changes)
	}()
	k.refuse = func() { cancel(); <-done }
}

// swing opens or shuts the gate.
func (k *keeper) swing() {
	k.containers.ThroughSocket.Store(k.role == candidate && !k.paused)
	if k.relays() {
		k.front.Gate.Open(carry.ToSocket(k.paths.Live(k.slot.App)))
		k.open = true
		return
	}
	if k.release.Mode == run.Native {
		k.open = k.condition().Phase == state.PhaseHealthy && !k.paused
		k.passLeft()
		return
	}
	open := k.group != nil && k.group.Route(k.spare) && !k.paused
	switch {
	case open:
		k.front.Gate.Open(k.group.Pool)
	case k.role == retired && !k.paused:
		// Nobody is left here to take what waits, and the other slot serves.
		k.front.Gate.Open(carry.ToSocket(k.paths.Live(k.slot.App)))
	case k.handed == nil:
		k.front.Gate.Shut()
	}
	k.open = open
}

// passLeft lets what this process has taken in go to a native app, which takes
// its connections in by itself: those came for the release before, or while an
// adopted container was in the place of the slot's.
func (k *keeper) passLeft() {
	_, parked := k.front.Gate.Counts()
	switch {
	case k.handed != nil:
	case k.open && parked > 0:
		k.front.Gate.Open(carry.ToSocket(k.slot.SocketPath(k.paths.Run)))
	default:
		k.front.Gate.Shut()
	}
}

// spare tells whether a container that is not healthy is to be used while none is.
func (k *keeper) spare(c run.Condition) bool {
	return k.role == candidate || // nobody but probes comes
		c.Phase == state.PhaseStarting && time.Since(c.Started) > k.patience()
}

// condition is that of the slot's containers together. A candidate needs all
// of them, or users would meet fewer than were asked for; after that the slot
// serves with what it has.
func (k *keeper) condition() run.Condition {
	if k.group == nil {
		return run.Condition{}
	}
	return k.group.Condition(k.role != candidate)
}
