package swap

import (
	"context"
	"testing"

	"edgeman/deployer/docker/registry"
	"edgeman/deployer/fake"
	"edgeman/deployer/outcome"
	"edgeman/deployer/state"
)

// While a swap pulls its image, others go on working on the app, and the swap
// goes on from where they have left it.
func TestPullHoldsNoLock(t *testing.T) {
	w := newWorld(t)
	w.Adopted()
	w.Docker = pullMeets{fake.Docker{World: w.World}, func() {
		if _, err := w.Swap(t.Context(), Options{App: "myapp", Image: "v2"}); err != nil {
			t.Errorf("while an image is pulled: %v", err)
		}
	}}
	result, err := w.Swap(t.Context(), Options{App: "myapp", Image: "v3", Pull: "always"})
	if err != nil {
		t.Fatal(err)
	}
	if result.From != 2 || result.Previous != "myapp:v2" || result.Release != 3 {
		t.Errorf("%+v, want release 3 in place of 2, which came during the pull", result)
	}
	if color, release := w.LiveSlot(); color != "blue" || release != 3 {
		t.Errorf("live is %s with release %d", color, release)
	}
}

// Whoever is at work when the pull is over keeps the app; nothing is written
// that only the lock's holder may write.
func TestPullEndsWhileAnotherIsAtWork(t *testing.T) {
	w := newWorld(t)
	w.Adopted()
	w.LockWait = 0
	w.Docker = pullMeets{fake.Docker{World: w.World}, func() {
		lock, err := w.Paths.TakeLock(t.Context(), "myapp", "pause", 0)
		if err == nil {
			t.Cleanup(lock.Unlock)
			err = w.Paths.BeginStep("myapp", state.Operation{Name: "swap", Step: "drain"})
		}
		if err != nil {
			t.Error(err)
		}
	}}
	_, err := w.Swap(t.Context(), Options{App: "myapp", Image: "v3", Pull: "always"})
	if outcome.ExitCode(err) != outcome.ExitLocked {
		t.Errorf("exit code %d: %v", outcome.ExitCode(err), err)
	}
	if op, begun, err := w.Paths.ReadOperation("myapp"); err != nil || !begun || op.Step != "drain" {
		t.Errorf("the other command's journal is %+v, %v", op, err)
	}
}

// pullMeets is a registry that takes long enough for something to happen.
type pullMeets struct {
	fake.Docker
	then func()
}

func (p pullMeets) Pull(ctx context.Context, ref string, progress func(registry.Progress)) error {
	p.then()
	return p.Docker.Pull(ctx, ref, progress)
}
