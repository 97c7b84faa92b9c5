package serve

import (
	"context"
	"fmt"
	"time"

	"edgeman/deployer/serve/run"
	"edgeman/deployer/state"
	"edgeman/sockets/relay"
)

const (
	// backlog is what is asked for again after an app has shrunk it; the kernel
	// caps it at net.core.somaxconn.
	backlog = 65535

	renewWait = 30 * time.Second // for systemd to stop this process
)

// queueCare is what is known of the queue of a listener that others hold, too.
type queueCare struct {
	longest int  // that the kernel gave it
	asked   bool // for as much as the kernel allows
}

// careForQueue looks after the listener. In native mode others hold it, too, and
// can shrink its queue or shut it down for everybody.
func (k *keeper) careForQueue() error {
	l := k.host.listener
	if !l.Alive() {
		return relay.ErrDead
	}
	if k.release.Mode != run.Native {
		return nil
	}
	if k.release.Blocking && k.refuse == nil { // who accepts here needs it otherwise
		// Systemd makes the socket non-blocking whenever it starts this process.
		k.warn(l.SetBlocking(true))
	}
	q, err := l.Queue()
	if err != nil {
		k.log("%v", err)
		return nil
	}
	k.queue.longest = max(k.queue.longest, q.Backlog)
	if q.Backlog >= k.queue.longest && k.queue.longest > 0 && k.queue.asked {
		return nil
	}
	// The first time finds out how much the kernel allows.
	if err := l.Relisten(backlog); err != nil {
		k.log("%v", err)
		return nil
	}
	if k.queue.asked {
		k.log("the app had shrunk the queue of %s to %d; it is long again", k.slot, q.Backlog)
	}
	k.queue.asked = true
	if q, err = l.Queue(); err == nil {
		k.queue.longest = q.Backlog
	}
	return nil
}

// renewSocket replaces a listener that was shut down, or whose file was removed: only
// a new socket helps, and systemd makes it. It stops this service first, with its container, which
// would hold on to the dead one, and starts both again.
func (k *keeper) renewSocket(ctx context.Context) (int, error) {
	k.log("the listening socket of %s was shut down by a process that holds it, or its file was removed; making a new one", k.slot)
	st := k.out.last
	st.Phase, st.Message = state.PhaseFailed, "the listening socket was shut down or removed; making a new one"
	k.out.publish(k.role, st)
	go func() {
		k.warn(k.host.restartUnit(context.WithoutCancel(ctx), k.slot.SocketUnit()))
	}()
	select {
	case <-ctx.Done():
		return k.stop()
	case <-time.After(renewWait):
		return exitBroken, fmt.Errorf("%s: %w", k.slot, relay.ErrDead)
	}
}
