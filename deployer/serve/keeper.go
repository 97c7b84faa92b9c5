package serve

import (
	"context"
	"time"

	"edgeman/deployer/serve/carry"
	"edgeman/deployer/serve/run"
	"edgeman/deployer/state"
	"edgeman/deployer/words"
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
// front and changes the slot's links, all in one goroutine: it reads a view,
// decides, and carries out what that asks for.
type keeper struct {
	host       *host
	containers *run.Containers
	front      *carry.Front
	out        *publisher
	log        func(format string, args ...any) // one line for the journal
	paths      state.Paths
	slot       sockets.Slot
	app        state.App
	changes    chan struct{} // something may have changed: look

	slotState
	seen    view          // at the last look
	release state.Release // of the slot
	next    state.Release // that is to take its place
	group   *run.Group    // its containers; nil while none is attended
	route   route
	refuse  func() // stops accepting; nil while nothing is accepted
	unwatch func() // ends the wait for a connection that wakes the app; nil while nobody waits

	originals []run.Reachable      // that requests are forwarded to
	thawing   bool                 // the native containers do not stand still, or go on, as they were told to
	trouble   string               // why what was decided is not done, or not even the release known
	passed    uint64               // connections that had come in when use was last looked for
	queues    map[string]queueCare // by listener
	silence   silence
	quiet     quiet
	keptAt    time.Time // a connection was seen idle, while the end of websockets was near
	calm      calm
	drain     drain
	outcome   outcome
}

// outcome is what was done last, for the status.
type outcome struct {
	ended    state.Ended   // what the last replacement, pause or the end did to connections
	late     []*carry.Conn // counted as cut in it while their requests were in progress
	rejected *state.Rejected
	deadline time.Time // of what is under way
	stopsBy  time.Time // when the container that a replacement stops will have ended
	stopTook float64   // seconds that the container which was stopped last took to end
	bootTook float64   // seconds that the one in its place took to become healthy
	dead     bool      // the listener was shut down, and the app moved to the other slot
}

// remember takes over what an earlier process knew.
func (k *keeper) remember(st state.SlotStatus) {
	k.containers.Known, k.holder = st, true
	if st.Phase == state.PhaseIdle {
		k.phase = asleep
	}
}

// keep runs the slot until it is emptied, stopped by ctx, or broken.
func (k *keeper) keep(ctx context.Context) (int, error) {
	defer k.front.Gate.Close()
	defer k.front.EndHold()
	defer k.accept(false)
	defer k.dropOriginals()
	defer k.lookWhen(k.host.listeners.waits(listener.AwaitDeath)...)() // they may be shut down
	defer k.endWatch()
	for {
		if !k.look(ctx) {
			k.accept(false)
			return k.endEmpty(ctx)
		}
		if err := k.careForQueues(); err != nil && !k.failOver(ctx) {
			return k.renewSocket(ctx)
		}
		k.accept(k.accepts())
		if k.role == retired && (k.phase == gone || k.drained()) && k.empty(ctx) {
			k.accept(false)
			return k.end()
		}
		k.publish()
		select {
		case <-ctx.Done():
			k.accept(false)
			return k.stop()
		case <-k.changes:
		case <-time.After(k.nextLook(time.Now())):
		}
	}
}

// lookWhen makes the keeper look once any of waits returns without an error. The
// returned function ends that.
func (k *keeper) lookWhen(waits ...func(context.Context) error) (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	for _, wait := range waits {
		go func() {
			if wait(ctx) == nil {
				trigger(k.changes)
			}
		}()
	}
	return cancel
}

// look reads what the files say and brings everything in line with it. False means
// that the slot is empty.
func (k *keeper) look(ctx context.Context) (filled bool) {
	v, filled, err := k.read(ctx)
	k.warn(err)
	if !filled {
		return false
	}
	if err != nil && k.group == nil {
		// The slot stays up: its requests wait for somebody to repair it.
		k.trouble = run.OneLine(err.Error())
		return true
	}
	was := k.slotState
	var todo []*action
	k.slotState, todo = decide(v, was)
	k.seen = v
	k.turned(was)
	for _, a := range todo {
		k.warn(a.do(k, ctx))
	}
	k.direct()
	k.heedSilence()
	k.trim()
	return true
}

// turned takes note of what was decided.
func (k *keeper) turned(was slotState) {
	k.containers.Frozen.Store(k.frozen)
	if was.role != k.role {
		k.log("%s is %s", k.slot, k.role)
		k.markActive()
		k.quiet, k.outcome.deadline = quiet{}, time.Time{}
		if k.role == retired {
			k.outcome.ended = state.Ended{}
		}
	}
	if was.held() == k.held() {
		return
	}
	trigger(k.changes) // what is inside counts from now on
	k.trouble = ""
	if k.held() {
		k.outcome.ended = state.Ended{}
		k.log("holding requests until %s", words.Clock(k.seen.pause.Until))
	} else {
		k.log("letting requests in again")
	}
}

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

// warn logs an error, if there is one.
func (k *keeper) warn(err error) {
	if err != nil {
		k.log("%v", err)
	}
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

// troubled keeps for the status what went wrong, or that nothing did.
func (k *keeper) troubled(err error) error {
	k.trouble = ""
	if err != nil {
		k.trouble = run.OneLine(err.Error())
	}
	return err
}
