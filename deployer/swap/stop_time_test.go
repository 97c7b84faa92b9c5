package swap

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"edgeman/deployer/outcome"
	"edgeman/deployer/state"
	"edgeman/sockets"
)

// A container may take all of its own stop timeout to end, and whoever waits for
// that waits as long, whether the timeout is known from Docker or from what the
// slot's service says.
func TestAContainersOwnStopTimeIsWaitedFor(t *testing.T) {
	const takes = 170 * time.Second
	blue := sockets.Slot{App: "myapp", Color: sockets.Blue}
	ends := func(w *world) { // the old slot, when its container has taken its time
		w.Retire.Store(false)
		time.AfterFunc(takes, func() { w.Retire.Store(true) })
	}
	own := func(w *world) {
		for name, c := range w.Containers {
			c.StopTimeout = 180 * time.Second
			w.Containers[name] = c
		}
	}
	said := func(w *world) {
		st := state.SlotStatus{Phase: state.PhaseDraining, Release: 1, StopsBy: time.Now().Add(180 * time.Second)}
		if err := w.Paths.WriteSlotStatus(blue, st); err != nil {
			t.Error(err)
		}
	}
	swap := func(w *world, ctx context.Context) error {
		_, err := w.Swap(ctx, Options{App: "myapp", Image: "v2", Drain: time.Second})
		return err
	}
	for name, row := range map[string]struct {
		known func(w *world)
		do    func(w *world, ctx context.Context) error
	}{
		"a swap, by Docker":      {own, swap},
		"a swap, by the service": {func(w *world) { w.OnStep = func(string) { said(w) } }, swap},
		"the next swap": {func(*world) {}, func(w *world, ctx context.Context) error {
			_, err := w.Swap(ctx, Options{App: "myapp", Image: "v2", Detach: true})
			said(w)
			if err == nil {
				_, err = w.Swap(ctx, Options{App: "myapp", Image: "v3", Detach: true})
			}
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.Adopted()
			synctest.Test(t, func(t *testing.T) {
				w.Out, w.Err = &w.Stdout, w
				ends(w)
				row.known(w)
				began := time.Now()
				if err := row.do(w, context.Background()); err != nil {
					t.Errorf("exit code %d: %v", outcome.ExitCode(err), err)
				}
				if took := time.Since(began); took < takes {
					t.Errorf("waited %s, not for the container's end", took)
				}
			})
		})
	}
}
