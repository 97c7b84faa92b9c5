package serve

import (
	"context"
	"errors"
	"fmt"
	"time"

	"edgeman/deployer/state"
)

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
	if err != nil || !ok || !k.asked() {
		return stopLimit
	}
	return max(stopLimit, time.Until(d.Deadline))
}

// vacate ends the service of a slot without a release. If it ran one until now,
// a command took it away. If not, a stray connection started it, or an earlier
// process was killed between emptying the slot and removing its container.
func (k *keeper) vacate(ctx context.Context) (int, error) {
	if k.group != nil {
		return k.end()
	}
	k.sendAway(ctx)
	return k.clear(ctx)
}

// sendAway closes what is queued at an empty slot's socket. Its clients see an
// end, as they would with an app that is gone.
func (k *keeper) sendAway(ctx context.Context) {
	if k.host.listener == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	for {
		n, err := k.host.listener.Pending()
		if err != nil || n == 0 {
			return
		}
		c, err := k.host.listener.Accept(ctx)
		if err != nil {
			if !errors.Is(err, context.DeadlineExceeded) {
				k.log("%v", err)
			}
			return
		}
		c.Close()
	}
}
