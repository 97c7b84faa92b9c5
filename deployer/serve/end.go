package serve

import (
	"context"
	"errors"
	"fmt"
	"time"

	"edgeman/deployer/poll"
	"edgeman/deployer/serve/run"
	"edgeman/deployer/state"
)

const (
	// To stop the container while Docker is away. After that systemd starts the
	// service again, for as many more.
	endTries = 20
	endRetry = 5 * time.Second
)

// empty takes the slot's release away, in one moment in which nobody else
// changes pointers. False means that the slot is needed after all, or that a
// connection came in the last moment.
func (k *keeper) empty(ctx context.Context) bool {
	emptied, err := k.paths.Empty(ctx, k.slot, func() (bool, error) {
		s, err := k.standing.look(k.paths, k.slot, time.Now())
		if err != nil || s.role != retired {
			return false, err
		}
		_, left, err := k.open()
		if err != nil && time.Now().Before(k.drain.terms.Deadline) {
			return false, err
		}
		if left > 0 && time.Now().Before(k.drain.terms.Deadline) {
			k.quiet = quiet{}
			return false, nil
		}
		k.drain.left = left
		if k.group != nil {
			// What ends now is not started again: the other slot may be about to
			// start what must not run beside it.
			k.group.End()
		}
		return true, nil
	})
	k.warn(err)
	return emptied
}

// end stops and removes the container of a slot that is empty now, says its
// last word and exits as drained. Neither a signal nor systemd's own stopping
// of this process keeps it from that.
func (k *keeper) end() (int, error) {
	if k.drain.left > 0 && !k.neverServed {
		k.cutOff(k.drain.left)
	}
	what := k.outcome.ended.Text()
	if k.outcome.ended.Cut > 0 {
		what = k.outcome.ended.CutKinds.Of(k.outcome.ended.Cut) + " left"
	}
	ctx := context.Background()
	stopping := k.statusAt(state.PhaseDraining, "stopping the container, "+what)
	stopping.StopsBy = k.containers.StopsBy(ctx, k.release.Containers(k.slot.Color))
	k.out.publish(k.role, stopping)
	if k.group != nil {
		k.group.End()
	}
	return k.clear(ctx)
}

// clear stops and removes every container of the empty slot and says its last
// word. While one may still run the service is not done: it is started again
// until none does.
func (k *keeper) clear(ctx context.Context) (int, error) {
	began := time.Now()
	for try := 1; ; try++ {
		err := k.containers.RemoveAll(ctx)
		k.outcome.stopTook = took(began)
		if err == nil || try == endTries {
			k.recount()
			k.recordCut()
		}
		if err == nil {
			return k.exitEmpty(ctx)
		}
		k.out.publish(retired, k.statusAt(state.PhaseFailed, "its container is not removed yet: "+run.OneLine(err.Error())))
		if ctx.Err() != nil {
			// Whoever stops the service now removes the container, or the next start does.
			return exitStopped, nil
		}
		if try == endTries {
			return exitBroken, fmt.Errorf("removing the containers of %s: %w", k.slot, err)
		}
		k.log("%v; trying again in %s", err, endRetry)
		poll.Sleep(ctx, endRetry)
	}
}

// exitEmpty ends the service of an empty slot. Its socket is stopped, too, or
// the next connection would start the service again for nothing.
func (k *keeper) exitEmpty(ctx context.Context) (int, error) {
	k.out.publish(retired, k.statusAt(state.PhaseEmpty, ""))
	err := k.paths.Forget(k.slot)
	if _, filled, _ := k.paths.SlotRelease(k.slot); filled {
		// Somebody filled it meanwhile. Systemd starts it again for that.
		return exitBroken, errors.Join(err, fmt.Errorf("%s was filled again", k.slot))
	}
	stop := k.host.stopUnit
	if k.outcome.dead {
		stop = k.host.stopAlone
	}
	k.warn(stop(ctx, k.slot.SocketUnit()))
	return exitEmptied, err
}

// stopLimit is how long connections may go on when the service is told to stop
// by nobody who waits for it.
const stopLimit = 10 * time.Second

// stop ends the service although its slot is not empty: the host shuts down, or
// somebody stops the unit. The container is stopped with it and comes back
// with the next start; queued connections stay in the kernel.
func (k *keeper) stop() (int, error) {
	ctx := context.Background()
	limit := k.stopLimit()
	_ = k.containers.Notify(fmt.Sprintf("STOPPING=1\nSTATUS=finishing connections\nEXTEND_TIMEOUT_USEC=%d",
		(limit + stopLimit).Microseconds()))
	select {
	case <-k.front.Gate.Emptied():
	case <-time.After(limit):
		inside, _ := k.front.Gate.Counts()
		k.log("cutting %d connections", inside)
	}
	if k.group != nil {
		k.group.End()
	}
	err := k.containers.Stop(ctx, k.release.Containers(k.slot.Color))
	k.out.publish(k.role, state.SlotStatus{
		Phase: state.PhaseEmpty, Message: "stopped", Release: k.release.Number, Image: k.release.Image,
	})
	return exitStopped, err
}

// stopLimit is the time of the command that has the service started anew, if
// there is one: requests wait in the socket for that long.
func (k *keeper) stopLimit() time.Duration {
	d, ok, err := k.paths.ReadDrain(k.slot)
	if err != nil || !ok || !k.commandRuns() {
		return stopLimit
	}
	return max(stopLimit, time.Until(d.Deadline))
}

// endEmpty ends the service of a slot without a release. If it ran one until now,
// a command took it away. If not, a stray connection started it, or an earlier
// process was killed between emptying the slot and removing its container.
func (k *keeper) endEmpty(ctx context.Context) (int, error) {
	if k.group != nil {
		return k.end()
	}
	k.sendAway(ctx)
	return k.clear(ctx)
}

// sendAway closes what is queued at an empty slot's sockets. Its clients see an
// end, as they would with an app that is gone.
func (k *keeper) sendAway(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	for _, l := range k.host.listeners {
		k.sendAwayFrom(ctx, l)
	}
}

func (k *keeper) sendAwayFrom(ctx context.Context, l listener) {
	for {
		n, err := l.Pending()
		if err != nil || n == 0 {
			return
		}
		c, err := l.Accept(ctx)
		if err != nil {
			if !errors.Is(err, context.DeadlineExceeded) {
				k.log("%v", err)
			}
			return
		}
		c.Close()
	}
}
