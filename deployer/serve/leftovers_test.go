package serve

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/fake"
	"edgeman/deployer/state"
)

const first = "myapp-blue-1" // the container of release 1

// left is what an earlier attempt has left under the name of release 1's container.
func (w *world) left(labels map[string]string, change func(*fakeContainer)) {
	w.t.Helper()
	if labels == nil {
		labels = map[string]string{"edgeman.app": "myapp", "edgeman.slot": "blue", "edgeman.release": "1"}
	}
	_, err := w.engine.Create(w.t.Context(), docker.Spec{Name: first, ImageID: "image-1", Labels: labels})
	w.must(err)
	w.engine.mu.Lock()
	defer w.engine.mu.Unlock()
	w.engine.log = nil
	change(w.engine.containers[first])
}

func (w *world) did() []string {
	w.engine.mu.Lock()
	defer w.engine.mu.Unlock()
	return slices.Clone(w.engine.log)
}

// A slot comes up whatever a half-done attempt has left in the place of its container.
func TestSlotComesUpAfterHalfAnAttempt(t *testing.T) {
	tests := map[string]struct {
		left func(w *world)
		did  string
	}{
		"made and not started":     {func(w *world) { w.left(nil, func(*fakeContainer) {}) }, "start"},
		"dead":                     {func(w *world) { w.left(nil, func(c *fakeContainer) { c.Status = "dead" }) }, "remove create start"},
		"being removed":            {func(w *world) { w.left(nil, func(c *fakeContainer) { c.Status = "removing" }) }, "create start"},
		"the name is not free yet": {func(w *world) { w.engine.nameTaken = 5 }, "create start"},
		"tied to what is gone":     {func(w *world) { w.left(nil, func(c *fakeContainer) { c.tied = true }) }, "remove create start"},
		"tied to what is gone, and not called so": {func(w *world) {
			w.left(nil, func(c *fakeContainer) {
				c.tied, c.Raw = true, json.RawMessage(`{"Id":"x","Name":"/x","Image":"sha256:x","State":{},"Config":{},"HostConfig":{"NetworkMode":"container:gone"},"NetworkSettings":{},"Mounts":[]}`)
			})
		}, "remove create start"},
		"cut off while it ran": {func(w *world) {
			w.left(nil, func(c *fakeContainer) {
				c.Running, c.exit, c.Adrift = true, make(chan struct{}), "the container whose network it has joined is gone"
			})
		}, "stop remove create start"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
				tt.left(w)
				w.healthy(app)
				if got, want := strings.ReplaceAll(strings.Join(w.did(), " "), " "+first, ""), tt.did; got != want {
					t.Errorf("did %q, want %q", got, want)
				}
				w.stop()
			})
		})
	}
}

// Somebody else's container that has the name is left alone, and the slot comes
// up by itself once the name is free.
func TestSomebodyElsesContainerIsLeftAlone(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		// Not even labels that lead here make it ours.
		w.left(map[string]string{"edgeman.release": "1"}, func(*fakeContainer) {})
		w.must(w.engine.Start(t.Context(), first))
		w.live(w.slot)
		w.must(w.paths.FillSlot(w.slot, 1))
		w.start(app)
		time.Sleep(time.Minute)
		if st := w.wants(state.PhaseFailed); !strings.Contains(st.Message, first+" is not one that edgeman made") {
			t.Errorf("message %q", st.Message)
		}
		w.stop()
		if got := w.did(); !slices.Equal(got, []string{"start " + first}) {
			t.Errorf("did %v to it", got)
		}
		w.start(app)
		w.must(w.engine.Stop(t.Context(), first))
		w.must(w.engine.Remove(t.Context(), first))
		time.Sleep(15 * time.Second)
		w.wants(state.PhaseHealthy)
		w.stop()
	})
}
