package run

import (
	"context"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/poll"
	"edgeman/deployer/state"
)

// Somebody else may stop the container, as tools do that update containers. Docker
// tells so right after it has sent the signal. What the app does then is its own
// affair: it stops accepting, or goes on as before until it is killed. New
// connections are held back from that moment, so that what is inside can end
// meanwhile and nothing follows it into an app that is about to be killed.

// stoppingMost bounds that wait. Whoever stops the container may give it more
// time than it asks for, or may have sent the signal for another reason.
const stoppingMost = 30 * time.Second

// watchForeignStop holds connections back while somebody else stops the container.
func (r *runner) watchForeignStop(ctx context.Context, e Engine, c docker.Container, ask probe) {
	for ctx.Err() == nil {
		if err := e.AwaitStop(ctx, c.ID); err != nil {
			poll.Sleep(ctx, restartMax)
			continue
		}
		if r.condition().Phase != state.PhaseHealthy {
			continue
		}
		r.slot.Log("%s: somebody stops the container", r.name)
		r.set(func(n *Condition) {
			n.Phase, n.Message = state.PhaseWaiting, "somebody stops the container, its requests wait"
		})
		poll.Sleep(ctx, min(c.Grace(), stoppingMost)+time.Second)
		if ctx.Err() != nil {
			return
		}
		r.set(func(n *Condition) { n.Phase, n.Message = state.PhaseStarting, "" })
		r.watchHealth(ctx, ask) // it was not stopped
	}
}
