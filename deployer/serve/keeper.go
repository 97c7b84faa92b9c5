package serve

import (
	"context"
	"time"

	"edgeman/deployer/serve/carry"
	"edgeman/deployer/serve/run"
	"edgeman/deployer/state"
	"edgeman/sockets"
)

// Exit codes of the service. Emptied is in the unit: it means "drained or
// empty" and nothing else, and systemd does not start the service again.
const (
	exitStopped = 0
	exitBroken  = 1
	exitEmptied = 75
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

// keeper decides for one slot. It is the only one who opens the gate, holds the
// front and changes the slot's links, all in one goroutine.
type keeper struct {
	host       *host
	log        func(format string, args ...any) // one line for the journal
	containers *run.Containers
	paths      state.Paths
	slot       sockets.Slot
	app        state.App
	judge      *judge
	front      *carry.Front
	out        *publisher

	changes chan struct{} // something may have changed: look
	refuse  func()        // stops accepting; nil while nothing is accepted

	release   state.Release
	group     *run.Group // nil while no container is looked after
	role      role
	pause     state.Pause
	paused    bool
	pausedAt  time.Time
	barred    string    // why the slot's container must not start past the deadline
	orphan    bool      // the adoption that holds requests back was killed
	halted    bool      // its container is stopped for a release
	asleep    bool      // its containers are stopped for lack of use
	usedAt    time.Time // when it was last seen in use
	used      uint64    // connections that had come in by then
	held      bool      // a container may hold what they need
	unwatch   func()    // ends the wait for a connection that wakes it; nil while nobody waits
	dead      bool      // its listener was shut down, and the app moved to the other slot
	over      bool      // retired, with no container that runs
	open      bool      // the gate
	retiredAt time.Time // zero unless retired
	zeroSince time.Time // no connections since then
	deadline  time.Time // of what is under way, for the status
	stopsBy   time.Time // when the container that a recreate stops will have ended
	stopTook  float64   // seconds that the container which was stopped last took to end
	bootTook  float64   // seconds that the one in its place took to become healthy
	rejected  *state.Rejected
	calm      struct {
		since   time.Time
		total   uint64 // connections that had come in by then
		trimmed bool
	}

	drain  state.Drain   // terms of the retirement
	idleAt time.Time     // a connection was seen idle, while the end of websockets was near
	left   int           // connections at the last count
	ended  state.Ended   // what the last recreate, pause or the end did to connections
	late   []*carry.Conn // counted as cut in it while their requests were in progress
	unseen bool          // retired, and nobody but probes was ever sent here

	prepared bool   // the container of a slot that waits for its adoption
	trouble  string // why not, or why not even its release is known

	handed     []run.Reachable // the containers that a release forwards to
	silence    silence
	refreeze   bool // the native containers do not stand still, or go on, as they are to
	backlog    int  // the longest queue the kernel gave the listener
	relistened bool
}

// keep runs the slot until it is emptied, stopped by ctx, or broken.
func (k *keeper) keep(ctx context.Context) (int, error) {
	defer k.front.Gate.Close()
	defer k.front.EndHold()
	defer k.accept(false)
	defer k.endForward()
	defer k.watchDeath()()
	defer k.endWatch()
	for {
		filled, err := k.look(ctx)
		if err != nil {
			k.log("%v", err)
		}
		if !filled {
			k.accept(false)
			return k.vacate(ctx)
		}
		if err := k.tend(); err != nil && !k.leave(ctx) {
			return k.revive(ctx)
		}
		k.accept(k.release.Mode != run.Native && !k.asleep || k.handed != nil || k.relays())
		if k.role == retired && (k.over || k.drained()) && k.empty(ctx) {
			k.accept(false)
			return k.end()
		}
		k.publish()
		timer := time.NewTimer(k.wait())
		select {
		case <-ctx.Done():
			timer.Stop()
			k.accept(false)
			return k.stop()
		case <-k.changes:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// watchDeath makes the keeper look as soon as the listener is shut down. The
// returned function ends that.
func (k *keeper) watchDeath() func() {
	ctx, cancel := context.WithCancel(context.Background())
	if k.host.listener != nil {
		go func() {
			if k.host.listener.AwaitDeath(ctx) == nil {
				poke(k.changes)
			}
		}()
	}
	return cancel
}

// look reads what the files say and brings everything in line with it.
func (k *keeper) look(ctx context.Context) (filled bool, err error) {
	current, filled, err := k.paths.SlotRelease(k.slot)
	if err == nil && !filled {
		return false, nil
	}
	if err != nil && k.group == nil {
		// The slot stays up: its requests wait for somebody to repair it.
		k.trouble = run.OneLine(err.Error())
		return true, err
	}
	if k.group == nil && k.release.Number != current.Number {
		k.release, k.trouble, k.prepared = current, "", false
	}
	k.takeRole()
	k.obeyPause(ctx)
	k.forward(ctx)
	if !k.keptOut() {
		if err := k.obeyNext(ctx); err != nil {
			k.log("%v", err)
		}
	}
	k.over = false
	k.rest(ctx)
	switch {
	case k.group != nil, k.relays(), k.asleep:
	case k.role == retired:
		k.attach(ctx)
	case k.keptOut(), k.paused && k.release.Mode == run.Native:
		k.waitForTurn(ctx)
	default:
		k.lookAfter(nil)
	}
	k.swing()
	k.heedSilence()
	k.trim()
	return true, nil
}

// takeRole finds out what the slot is to its app now.
func (k *keeper) takeRole() {
	now, was := time.Now(), k.role
	var err error
	if k.role, err = k.judge.role(now); err != nil {
		k.log("%v; still %s", err, k.role)
	}
	k.turned(was, now)
}

// turned acts on a change of role.
func (k *keeper) turned(was role, now time.Time) {
	if was == k.role {
		return
	}
	k.log("%s is %s", k.slot, k.role)
	k.stir()
	k.zeroSince, k.retiredAt, k.deadline = time.Time{}, time.Time{}, time.Time{}
	if k.role == retired {
		k.retiredAt, k.ended = now, state.Ended{}
	}
	k.unseen = k.role == retired && was == candidate && !k.judge.served
	if was == retired && k.role == live {
		// The terms were for the retirement that did not happen.
		if err := k.paths.ClearDrain(k.slot); err != nil {
			k.log("%v", err)
		}
	}
	if was == retired {
		k.complete()
	}
}

// newGroup are the release's containers, or those of them that which names.
func (k *keeper) newGroup(r state.Release, which func(name string) bool) *run.Group {
	return k.containers.Group(r, k.patience(), which)
}

// lookAfter looks after the slot's containers from now on, or after those of them
// that which names.
func (k *keeper) lookAfter(which func(name string) bool) {
	k.group = k.newGroup(k.release, which)
	k.group.Begin()
}

func (k *keeper) patience() time.Duration { return time.Duration(k.app.Start.Timeout) }

// wait is how long nothing needs to be done unless somebody says so.
func (k *keeper) wait() time.Duration {
	switch {
	case k.role == retired:
		return k.drainWait()
	case k.asleep && !k.paused:
		return lookIdle
	case k.barred != "" && (k.pause.Reason == state.PauseStandIn || k.pause.Reason == state.PauseReplace && k.prepared):
		return lookTurn
	case k.barred != "":
		return lookBusy
	case k.paused:
		return min(lookHolding, max(time.Until(k.pause.Until), 0))
	case k.role == candidate, !k.open:
		return lookBusy
	case k.release.Mode == run.Native:
		return lookNative
	case k.release.Count() > 1 && !k.calm.trimmed:
		return lookBusy // the status says what each replica does
	}
	if inside, _ := k.front.Gate.Counts(); inside > 0 || k.front.Accepted() > 0 {
		return lookOpen
	}
	if k.app.Idle > 0 {
		return min(lookIdle, max(time.Until(k.usedAt.Add(time.Duration(k.app.Idle))), quietCheck))
	}
	return lookIdle
}

// settings are the app's as its file says now, or said when it was last fine.
func (k *keeper) settings() state.App {
	app, err := k.paths.ReadApp(k.slot.App)
	if err != nil {
		k.log("%v; going on with the settings read before", err)
		return k.app
	}
	k.app = app
	return app
}
