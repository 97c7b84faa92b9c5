package serve

import (
	"testing"
	"testing/synctest"
	"time"

	"edgeman/deployer/fake"
	"edgeman/deployer/state"
)

// From the moment that somebody else begins to stop the container new
// connections wait: for the next start, or until it turns out that it goes on.
func TestSomebodyStopsTheContainer(t *testing.T) {
	for name, ends := range map[string]bool{"it ends": true, "it goes on": false} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
				w.healthy(app)
				w.engine.stops <- struct{}{}
				synctest.Wait()
				w.wants(state.PhaseWaiting)
				if w.open() {
					t.Error("connections still go to a container that is being stopped")
				}
				if ends {
					w.engine.kill(first, nil, 0)
				}
				time.Sleep(35 * time.Second)
				w.wants(state.PhaseHealthy)
				if !w.open() {
					t.Error("connections wait for ever")
				}
				w.wantRunning(first)
				w.stop()
			})
		})
	}
}
