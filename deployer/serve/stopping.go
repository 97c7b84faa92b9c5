package serve

import (
	"context"
	"time"

	"edgeman/deployer/docker"
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

// heedStop holds connections back while somebody else stops the container.
func (r *runner) heedStop(ctx context.Context, e engine, c docker.Container, ask probe) {
	for ctx.Err() == nil {
		if err := e.AwaitStop(ctx, c.ID); err != nil {
			sleep(ctx, restartMax)
			continue
		}
		if r.condition().phase != state.PhaseHealthy {
			continue
		}
		r.host.say("%s: somebody stops the container", r.name)
		r.set(func(n *condition) {
			n.phase, n.message = state.PhaseWaiting, "somebody stops the container, its requests wait"
		})
		sleep(ctx, min(c.Grace(), stoppingMost)+time.Second)
		if ctx.Err() != nil {
			return
		}
		r.set(func(n *condition) { n.phase, n.message = state.PhaseStarting, "" })
		r.watchHealth(ctx, ask) // it was not stopped
	}
}
