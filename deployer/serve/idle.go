package serve

import (
	"context"
	"errors"
	"fmt"
	"time"

	"edgeman/deployer/serve/run"
	"edgeman/deployer/words"
	"edgeman/sockets"
)

// An app with an idle time runs only while it is used. Its slot goes on
// listening; what comes waits in the kernel's queue until the app has started.

// inUse tells whether a connection is there, or was there since the last call.
func (k *keeper) inUse() bool {
	total := k.front.Gate.Total()
	used := total != k.passed
	k.passed = total
	if k.release.Mode == run.Native { // nothing passes through this process
		for _, l := range k.host.listeners {
			touched, err := k.host.touched(sockets.SocketPath(k.slot.SocketDir(k.paths.Run), l.Name()))
			k.warn(err)
			used = used || touched || err != nil
		}
	}
	_, open, err := k.open()
	return used || err != nil || open > 0
}

// fallAsleep stops the containers unless a connection came in the last moment.
// So that none gets into an app that is about to be stopped, nobody accepts from
// the last look on. What the app needs is held first, or it goes on running.
func (k *keeper) fallAsleep(ctx context.Context) error {
	k.holder = true
	if err := k.containers.Hold(ctx, k.release); err != nil {
		return fmt.Errorf("%w; it goes on running", err)
	}
	if k.release.Mode != run.Native {
		k.accept(false)
	} else if err := k.freeze(ctx, true); err != nil {
		return errors.Join(err, k.freeze(ctx, false))
	}
	if k.inUse() {
		if k.release.Mode == run.Native {
			return k.freeze(ctx, false)
		}
		return nil
	}
	k.log("nobody has used %s for %s: stopping it", k.slot, words.Length(time.Duration(k.app.Idle)))
	// Docker lets a frozen container go on once it has its signal.
	k.frozen = false
	k.containers.Frozen.Store(false)
	k.phase = asleep
	if err := k.stopGroup(ctx); err != nil {
		k.phase = unattended
		trigger(k.changes)
		return err
	}
	k.watchQueue()
	return nil
}

// watchQueue makes the keeper look when a connection comes.
func (k *keeper) watchQueue() {
	k.unwatch = k.lookWhen(k.host.listeners.waits(listener.AwaitConnection)...)
}

// endWatch ends that.
func (k *keeper) endWatch() {
	if k.unwatch != nil {
		k.unwatch()
		k.unwatch = nil
	}
}

// wake ends the sleep.
func (k *keeper) wake(context.Context) error {
	k.log("%s is used again: starting it", k.slot)
	k.endWatch()
	trigger(k.changes)
	return nil
}

// holdNeeds looks whether what the sleeping app needs is still held.
func (k *keeper) holdNeeds(ctx context.Context) error {
	k.holder = true
	return answered(k.containers.HoldAgain(ctx, k.release))
}

// removeHolder lets that go once the app itself is up again.
func (k *keeper) removeHolder(ctx context.Context) error {
	err := k.containers.Unhold(ctx, k.release)
	k.holder = err != nil
	return answered(err)
}

// answered is err unless that only says that Docker has not answered yet.
func answered(err error) error {
	if errors.Is(err, run.ErrNoAnswer) {
		return nil
	}
	return err
}
