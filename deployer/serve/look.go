package serve

import (
	"time"

	"edgeman/deployer/serve/run"
	"edgeman/deployer/state"
)

// How long the keeper waits before it looks again although nothing told it to.
const (
	lookIdle    = 10 * time.Second
	lookNative  = time.Second            // the app can do anything to the listener
	lookBusy    = time.Second            // a command is at work, or requests wait
	lookHolding = 250 * time.Millisecond // somebody reads how many connections are left
	lookOpen    = 2 * time.Second        // somebody reads how old they are
	lookTurn    = 50 * time.Millisecond  // requests wait for the other slot's end
)

// nextLook is how long nothing needs to be done unless somebody says so.
func (k *keeper) nextLook(now time.Time) time.Duration {
	switch {
	case k.role == retired:
		return k.nextDrainLook(now)
	case k.hold == fenced:
		reason := k.seen.pause.Reason
		if reason == state.PauseStandIn || reason == state.PauseReplace && k.phase == created {
			return lookTurn
		}
		return lookBusy
	case k.held():
		return min(lookHolding, max(k.seen.pause.Until.Sub(now), 0))
	case k.phase == asleep:
		return lookIdle
	}
	return k.nextServingLook(now)
}

// nextServingLook is that of a slot whose app runs, or is to.
func (k *keeper) nextServingLook(now time.Time) time.Duration {
	switch {
	case k.role == candidate, !k.serves():
		return lookBusy
	case k.release.Mode == run.Native:
		return lookNative
	case k.release.Count() > 1 && !k.calm.trimmed:
		return lookBusy // the status says what each replica does
	case k.seen.inside > 0, k.front.Accepted() > 0:
		return lookOpen
	case k.app.Idle > 0:
		return min(lookIdle, max(k.usedAt.Add(time.Duration(k.app.Idle)).Sub(now), quietCheck))
	}
	return lookIdle
}
