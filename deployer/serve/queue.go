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

// careForQueues looks after the listeners. In native mode others hold them, too,
// and can shrink their queues or shut them down for everybody.
func (k *keeper) careForQueues() error {
	for _, l := range k.host.listeners {
		if !l.Alive() {
			return relay.ErrDead
		}
		if k.release.Mode == run.Native {
			k.queues[l.Name()] = k.careForQueue(l, k.queues[l.Name()])
		}
	}
	return nil
}

// careForQueue makes the queue of a listener as long as it was, if it is not.
func (k *keeper) careForQueue(l listener, known queueCare) queueCare {
	if k.release.Blocking && k.refuse == nil { // who accepts here needs it otherwise
		// Systemd makes the socket non-blocking whenever it starts this process.
		k.warn(l.SetBlocking(true))
	}
	q, err := l.Queue()
	if err != nil {
		k.log("%v", err)
		return known
	}
	known.longest = max(known.longest, q.Backlog)
	if q.Backlog >= known.longest && known.longest > 0 && known.asked {
		return known
	}
	// The first time finds out how much the kernel allows.
	if err := l.Relisten(backlog); err != nil {
		k.log("%v", err)
		return known
	}
	if known.asked {
		k.log("the app had shrunk the queue of %s to %d; it is long again", k.slot, q.Backlog)
	}
	known.asked = true
	if q, err = l.Queue(); err == nil {
		known.longest = q.Backlog
	}
	return known
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
