package serve

import (
	"context"
	"time"

	"edgeman/deployer/serve/run"
	"edgeman/deployer/state"
	"edgeman/sockets"
)

// view is what the files, the kernel and Docker say at one moment, as far as it
// decides.
type view struct {
	now  time.Time
	slot sockets.Slot

	pointers     pointers
	roleUnknown  bool // they cannot be read
	pause        state.Pause
	pauseUnknown bool
	lockHeld     bool   // a command works on the app, or may: that cannot be told
	next         bool   // another release is to take the place of the slot's
	fence        string // why what is behind the slot's fence keeps its containers from starting
	otherFilled  bool

	native   bool      // the release is
	partial  bool      // only some of its containers are attended
	healthy  bool      // they are
	thawing  bool      // they do not stand still, or go on, as they were told to
	inside   int       // connections in the app
	stopBy   time.Time // when they are cut for the app to be given back
	forwards bool      // requests go to the originals

	idle    time.Duration // without use until the app is stopped; 0 is never
	used    bool          // it was since the last look
	queued  bool          // somebody waits for an app that is asleep
	watched bool          // the queue is
}

// read looks at everything that decides. What it asks Docker depends on what it
// has read before; false means that the slot is empty. What is to come next is
// read before all else: whoever asks for it has moved the live pointer and lifted
// the pause by then.
func (k *keeper) read(ctx context.Context) (v view, filled bool, err error) {
	v = view{now: time.Now(), slot: k.slot}
	current, filled, err := k.paths.SlotRelease(k.slot)
	if err == nil && !filled || err != nil && k.group == nil {
		return v, filled || err != nil, err
	}
	if k.group == nil && k.release.Number != current.Number {
		k.release, k.trouble = current, ""
		if k.phase == created {
			k.phase = unattended
		}
	}
	next, ok, nextErr := k.paths.NextRelease(k.slot)
	k.warn(nextErr)
	k.next, v.next = next, ok && nextErr == nil
	k.readRole(&v)
	k.readApp(&v)
	_, otherFilled, otherErr := k.paths.SlotRelease(k.slot.Other())
	v.otherFilled = otherFilled || otherErr != nil
	v.fence = k.askFence(ctx, v, roleIn(v, k.slotState).role)
	return v, true, nil
}

// readRole reads what decides about the slot's role and whether requests wait.
func (k *keeper) readRole(v *view) {
	var err error
	if v.pause, _, err = k.paths.ReadPause(k.slot); err != nil {
		k.log("%v; not pausing", err)
		v.pauseUnknown = true
	}
	if v.pointers, err = readPointers(k.paths, k.slot); err != nil {
		k.log("%v; still %s", err, k.role)
		v.roleUnknown = true
	}
	if v.next || v.pause.Reason == state.PauseAdopt || k.app.Idle > 0 {
		v.lockHeld = k.commandRuns()
	}
}

// readApp reads how the slot's containers are.
func (k *keeper) readApp(v *view) {
	v.native, v.healthy = k.release.Mode == run.Native, k.condition().Phase == state.PhaseHealthy
	v.partial = k.group != nil && !k.group.Whole()
	v.thawing, v.forwards, v.watched = k.thawing, k.originals != nil, k.unwatch != nil
	if v.inside, _ = k.front.Gate.Counts(); v.pause.Reason == state.PauseUnadopt {
		v.stopBy = k.terms(k.holdSince).Deadline
	}
	v.idle = time.Duration(k.app.Idle)
	switch {
	case k.phase == asleep:
		n, err := k.host.listeners.pending()
		v.queued = err != nil || n > 0
	case v.idle > 0:
		v.used = k.inUse()
	}
}

// commandRuns tells whether a command works on the app. It is assumed where that cannot
// be read: waiting spoils nothing.
func (k *keeper) commandRuns() bool {
	_, held, err := k.paths.LockHolder(k.slot.App)
	return held || err != nil
}

// slotState is what the keeper remembers from one look to the next: the state of
// the machine that decide moves.
type slotState struct {
	standing
	retiredAt   time.Time // zero unless retired
	neverServed bool      // retired, and nobody but probes was ever sent here

	hold      hold
	holdSince time.Time
	frozen    bool // native containers' processes are to stand still

	phase  phase
	usedAt time.Time // when the app was last seen in use
	holder bool      // a container may hold what the app needs while it is asleep
}

// hold is whether requests wait.
type hold string

const (
	admitting hold = ""       // they do not
	pausing   hold = "paused" // until the deadline that somebody has set
	fenced    hold = "fenced" // until what must not run beside the slot's containers has ended
)

// phase is what is done about the slot's containers.
type phase string

const (
	unattended phase = ""         // nothing yet
	created    phase = "created"  // they are there, and may not start yet
	attended   phase = "attended" // they are started, started again, and asked how they are
	stopped    phase = "stopped"  // the app is given back
	asleep     phase = "asleep"   // for lack of use
	gone       phase = "gone"     // the slot is retired, and none runs
)

// held tells whether requests wait.
func (s slotState) held() bool { return s.hold != admitting }

// route is where the requests go that this process takes in.
type route string

const (
	nowhere      route = ""           // they wait
	toContainers route = "containers" // the slot's own
	toNobody     route = "nobody"     // a native app takes them in by itself
	toOwnSocket  route = "socket"     // what came before a native app did
	toLive       route = "live"       // the slot that is live
	toOriginals  route = "originals"  // the containers that the app is given back to
)
