package serve

import (
	"context"
	"errors"
	"fmt"
	"time"

	"edgeman/deployer/serve/run"
	"edgeman/deployer/state"
)

// An app with an idle time runs only while it is used. Its slot goes on
// listening; what comes waits in the kernel's queue until the app has started.

// rest stops the containers of a live slot that nobody has used for the app's
// idle time, and lets them run again as soon as somebody does.
func (k *keeper) rest(ctx context.Context) {
	if k.asleep {
		k.wakeUp(ctx)
		return
	}
	now := time.Now()
	if k.held && k.condition().Phase == state.PhaseHealthy {
		k.unhold(ctx)
	}
	switch {
	case k.app.Idle == 0:
	case k.role != live, k.paused, k.condition().Phase != state.PhaseHealthy, k.inUse():
		k.usedAt = now
	case now.Sub(k.usedAt) >= time.Duration(k.app.Idle) && !k.held && !k.asked():
		k.usedAt = now
		k.held = true
		if err := k.containers.Hold(ctx, k.release); err != nil {
			k.log("%v; it goes on running", err)
			return
		}
		k.fallAsleep(ctx)
	}
}

// unhold lets go what was held for the app while it was stopped.
func (k *keeper) unhold(ctx context.Context) {
	err := k.containers.Unhold(ctx, k.release)
	k.held = err != nil
	if err != nil && !errors.Is(err, run.ErrNoAnswer) {
		k.log("%v", err)
	}
}

// inUse tells whether a connection is there, or was there since the last call.
func (k *keeper) inUse() bool {
	path := k.slot.SocketPath(k.paths.Run)
	total := k.front.Gate.Total()
	used := total != k.used
	k.used = total
	if k.release.Mode == run.Native { // nothing passes through this process
		touched, err := k.host.touched(path)
		if err != nil {
			k.log("%v", err)
		}
		used = used || touched || err != nil
	}
	n, err := k.host.count(path)
	return used || err != nil || n.Total() > 0
}

// fallAsleep stops the containers unless a connection came in the last moment.
// So that none gets into an app that is about to be stopped, nobody accepts from
// the last look on.
func (k *keeper) fallAsleep(ctx context.Context) {
	still := true
	if k.release.Mode == run.Native {
		still = k.freeze(ctx, true)
	} else {
		k.accept(false)
	}
	if !still || k.inUse() {
		if k.release.Mode == run.Native {
			k.freeze(ctx, false)
		}
		return
	}
	k.log("nobody has used %s for %s: stopping it", k.slot, state.Length(time.Duration(k.app.Idle)))
	// Docker lets a frozen container go on once it has its signal.
	k.containers.Frozen.Store(false)
	if err := k.stopReplicas(ctx); err != nil {
		k.log("%v", err) // it is looked after again
		return
	}
	k.asleep = true
	k.watchQueue()
}

// watchQueue makes the keeper look when a connection comes.
func (k *keeper) watchQueue() {
	ctx, cancel := context.WithCancel(context.Background())
	k.unwatch = cancel
	go func() {
		if k.host.listener.AwaitConnection(ctx) == nil {
			poke(k.changes)
		}
	}()
}

// endWatch ends what watchQueue began.
func (k *keeper) endWatch() {
	if k.unwatch != nil {
		k.unwatch()
		k.unwatch = nil
	}
}

// wakeUp lets the containers run again if somebody needs them. A slot that is
// retired in its sleep has none, and passes on what may still come.
func (k *keeper) wakeUp(ctx context.Context) {
	if k.role == retired || k.paused {
		k.endWatch() // what comes now would use it up
		return
	}
	if k.unwatch == nil { // asleep since an earlier process, or not watched for a while
		k.watchQueue()
	}
	n, err := k.host.listener.Pending()
	if k.role == live && k.app.Idle > 0 && err == nil && n == 0 {
		if err := k.containers.HoldAgain(ctx, k.release); err != nil && !errors.Is(err, run.ErrNoAnswer) {
			k.log("%v", err)
		}
		return
	}
	k.log("%s is used again: starting it", k.slot)
	k.getUp()
}

// getUp ends the sleep; the next look starts the containers.
func (k *keeper) getUp() {
	if k.asleep {
		k.endWatch()
		k.asleep, k.usedAt = false, time.Now()
		poke(k.changes)
	}
}

// describeIdle puts the sleep into the status.
func (k *keeper) describeIdle(st *state.SlotStatus) {
	st.Phase = state.PhaseIdle
	st.Message = fmt.Sprintf("stopped after %s without a connection; the next one starts it", state.Length(time.Duration(k.app.Idle)))
}
