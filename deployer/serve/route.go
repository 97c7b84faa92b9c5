package serve

import (
	"context"
	"strings"
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
	k.warn(k.host.listeners.setBlocking(false))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = k.front.Run(ctx) // a dead listener shows at the next look, too
		trigger(k.changes)
	}()
	k.refuse = func() { cancel(); <-done }
}

// holdRequests stops what comes in: new connections stay in the kernel's queue,
// those that wait for the app go on waiting. What is inside the app goes on. The
// gate is shut last, so that what was taken in until then is inside, and does not
// wait in this process, where it would end with it.
func (k *keeper) holdRequests() {
	k.route = nowhere
	if k.release.Mode == run.Native { // the app takes connections in for as long as it runs
		k.accept(false)
	} else {
		k.front.Hold()
	}
	k.front.Gate.Shut()
}

// accepts tells whether this process is to take connections in.
func (k *keeper) accepts() bool {
	return k.release.Mode != run.Native && k.phase != asleep || k.originals != nil || relaysIn(k.seen, k.slotState)
}

// serves tells whether requests are let through to where they are to go.
func (k *keeper) serves() bool {
	switch k.route {
	case toContainers, toNobody, toOwnSocket:
		return true
	}
	return k.route == toLive && relaysIn(k.seen, k.slotState)
}

// direct leads requests to where they are to go now.
func (k *keeper) direct() {
	k.containers.ThroughSocket.Store(k.role == candidate && !k.held())
	v := k.seen
	v.native, v.healthy, v.forwards = k.release.Mode == run.Native, k.condition().Phase == state.PhaseHealthy, k.originals != nil
	usable := k.group != nil && k.group.Route(k.useUnhealthy)
	_, parked := k.front.Gate.Counts()
	switch k.route = routeIn(v, k.slotState, usable, parked); k.route {
	case toContainers:
		k.front.Gate.Open(k.group.Pool)
	case toLive:
		k.front.Gate.Open(carry.ToSockets(k.paths.Live(k.slot.App)))
	case toOwnSocket:
		// What this process has taken in came for the release before, or while an
		// adopted container was in the place of the slot's.
		k.front.Gate.Open(carry.ToSockets(k.slot.SocketDir(k.paths.Run)))
	case nowhere, toNobody:
		k.front.Gate.Shut()
	}
}

// useUnhealthy tells whether a container that is not healthy is to be used while none is.
func (k *keeper) useUnhealthy(c run.Condition) bool {
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

// forwardRequests lets what waits in the slot go to the containers that the pause
// names.
func (k *keeper) forwardRequests(ctx context.Context) error {
	ids := k.seen.pause.Bars()
	to := carry.NewPool(len(ids))
	for i, id := range ids {
		up, err := k.reach(ctx, id)
		if err != nil {
			k.dropOriginals()
			return k.troubled(err)
		}
		to.Set(i, up)
		k.originals = append(k.originals, up)
	}
	k.log("forwarding requests to container %s", strings.Join(ids, ", "))
	k.front.Gate.Open(to)
	return k.front.Admit()
}

// reach is the app in a container that is not the slot's own.
func (k *keeper) reach(ctx context.Context, id string) (run.Reachable, error) {
	other, err := k.containers.Inspect(ctx, id)
	if err != nil {
		return nil, err
	}
	as := k.release
	if as.Mode = "proxy"; len(k.seen.pause.Ports) > 0 {
		as.Listeners = k.seen.pause.Ports
	}
	return k.containers.Reach(other, as)
}

// endForward holds requests back again, or leaves them to the slot's own
// containers if the pause is over.
func (k *keeper) endForward() {
	if k.held() {
		k.holdRequests()
	} else {
		k.front.Gate.Shut()
	}
	k.dropOriginals()
}

func (k *keeper) dropOriginals() {
	for _, up := range k.originals {
		up.Close()
	}
	k.originals = nil
}
