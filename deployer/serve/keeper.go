package serve

import (
	"context"
	"sync/atomic"
	"time"

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
)

// keeper decides for one slot. It is the only one who opens the gate, holds the
// front and changes the slot's links, all in one goroutine.
type keeper struct {
	host  *host
	paths state.Paths
	slot  sockets.Slot
	app   state.App
	judge *judge
	gate  *gate
	front *front
	out   *publisher

	changes chan struct{} // something may have changed: look
	refuse  func()        // stops accepting; nil while nothing is accepted

	release   state.Release
	runner    *runner
	role      role
	pause     state.Pause
	paused    bool
	pausedAt  time.Time
	barred    string    // why the slot's container must not start past the deadline
	halted    bool      // its container is stopped for a release
	over      bool      // retired, with no container that runs
	open      bool      // the gate
	retiredAt time.Time // zero unless retired
	zeroSince time.Time // no connections since then
	deadline  time.Time // of what is under way, for the status
	rejected  *state.Rejected
	calm      struct {
		since   time.Time
		total   uint64 // connections that had come in by then
		trimmed bool
	}

	drain state.Drain // terms of the retirement
	left  int         // connections at the last count
	cut   int         // connections that the last recreate, or the end, cut

	prepared bool        // the container of a slot that waits for its adoption
	trouble  string      // why not, or why not even its release is known
	through  atomic.Bool // probes go through the slot's own socket
	known    state.SlotStatus
	output   *output

	handed     reachable   // the container that a release forwards to
	frozen     atomic.Bool // a pause holds the native container's processes
	backlog    int         // the longest queue the kernel gave the listener
	relistened bool
}

// keep runs the slot until it is emptied, stopped by ctx, or broken.
func (k *keeper) keep(ctx context.Context) (int, error) {
	defer k.gate.close()
	defer k.front.quit()
	defer k.accept(false)
	defer k.endHandOver()
	for {
		filled, err := k.look(ctx)
		if err != nil {
			k.host.say("%v", err)
		}
		if !filled {
			k.accept(false)
			return k.vacate(ctx)
		}
		if err := k.tend(); err != nil {
			return k.revive(ctx)
		}
		k.accept(k.release.Mode != modeNative || k.handed != nil)
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

// accept starts or stops taking connections in. In native mode the app takes
// them itself.
func (k *keeper) accept(on bool) {
	if on == (k.refuse != nil) {
		return
	}
	if !on {
		k.refuse()
		k.refuse = nil
		return
	}
	// A release before this one may have wanted it otherwise.
	if err := k.host.listener.SetBlocking(false); err != nil {
		k.host.say("%v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = k.front.run(ctx) // a dead listener shows at the next look, too
		poke(k.changes)
	}()
	k.refuse = func() { cancel(); <-done }
}

// look reads what the files say and brings everything in line with it.
func (k *keeper) look(ctx context.Context) (filled bool, err error) {
	current, filled, err := k.paths.SlotRelease(k.slot)
	if err == nil && !filled {
		return false, nil
	}
	if err != nil && k.runner == nil {
		// The slot stays up: its requests wait for somebody to repair it.
		k.trouble = firstLine(err.Error())
		return true, err
	}
	if k.runner == nil && k.release.Number != current.Number {
		k.release, k.trouble, k.prepared = current, "", false
	}
	now := time.Now()
	was := k.role
	if k.role, err = k.judge.role(now); err != nil {
		k.host.say("%v; still %s", err, k.role)
	}
	k.turned(was, now)
	k.obeyPause(ctx)
	k.handOver(ctx)
	if !k.keptOut() {
		if err := k.obeyNext(ctx); err != nil {
			k.host.say("%v", err)
		}
	}
	k.over = false
	switch {
	case k.runner != nil:
	case k.role == retired:
		k.attach(ctx)
	case k.keptOut(), k.paused && k.release.Mode == modeNative:
		k.waitForAdoption(ctx)
	default:
		k.runner = k.newRunner(k.release)
		k.runner.begin()
	}
	k.swing()
	k.trim()
	return true, nil
}

// turned acts on a change of role.
func (k *keeper) turned(was role, now time.Time) {
	if was == k.role {
		return
	}
	k.host.say("%s is %s", k.slot, k.role)
	k.stir()
	k.zeroSince, k.retiredAt, k.deadline = time.Time{}, time.Time{}, time.Time{}
	if k.role == retired {
		k.retiredAt = now
	}
	if was == retired && k.role == live {
		// The terms were for the retirement that did not happen.
		if err := k.paths.ClearDrain(k.slot); err != nil {
			k.host.say("%v", err)
		}
	}
}

// swing opens or shuts the gate.
func (k *keeper) swing() {
	k.through.Store(k.role == candidate && !k.paused)
	var c condition
	if k.runner != nil {
		c = k.runner.condition()
	}
	ready := c.phase == state.PhaseHealthy ||
		k.role == candidate || // nobody but probes comes
		c.phase == state.PhaseStarting && time.Since(c.started) > k.patience()
	open := c.up != nil && ready && !k.paused
	if k.release.Mode == modeNative {
		k.open = c.phase == state.PhaseHealthy && !k.paused
		return
	}
	switch {
	case open:
		k.gate.open(c.up)
	case k.open:
		k.gate.shut()
	}
	k.open = open
}

func (k *keeper) patience() time.Duration { return time.Duration(k.app.Start.Timeout) }

// wait is how long nothing needs to be done unless somebody says so.
func (k *keeper) wait() time.Duration {
	switch {
	case k.role == retired:
		return k.drainWait()
	case k.barred != "":
		return lookBusy
	case k.paused:
		return min(lookHolding, max(time.Until(k.pause.Until), 0))
	case k.role == candidate, !k.open:
		return lookBusy
	case k.release.Mode == modeNative:
		return lookNative
	}
	return lookIdle
}

func (k *keeper) newRunner(r state.Release) *runner {
	return &runner{
		host: k.host, slot: k.slot, release: r, name: r.Container(k.slot.Color),
		changed:  func() { poke(k.changes) },
		through:  k.through.Load,
		socket:   k.slot.SocketPath(k.paths.Run),
		held:     k.frozen.Load,
		keep:     k.wanted,
		patience: k.patience(),
		known:    condition{phase: k.known.Phase, id: k.known.ContainerID, started: k.known.Started},
		output:   k.output,
	}
}

// wanted tells the containers that a link of this slot names from leftovers.
func (k *keeper) wanted(container string) bool {
	if r, ok, err := k.paths.SlotRelease(k.slot); err != nil || ok && container == r.Container(k.slot.Color) {
		return true
	}
	r, ok, err := k.paths.NextRelease(k.slot)
	return err != nil || ok && container == r.Container(k.slot.Color)
}

// settings are the app's as its file says now, or said when it was last fine.
func (k *keeper) settings() state.App {
	app, err := k.paths.ReadApp(k.slot.App)
	if err != nil {
		k.host.say("%v; going on with the settings read before", err)
		return k.app
	}
	k.app = app
	return app
}
