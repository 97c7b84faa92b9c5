package adopt

import (
	"context"
	"errors"
	"strings"
	"testing"

	"edgeman/deployer/outcome"
	"edgeman/deployer/state"
)

// A container that could not be made again is not stopped.
func TestAdoptRehearses(t *testing.T) {
	w := newCopies(t, 1, "")
	w.Unmade = errors.New("Duplicate mount point: /data")
	_, err := w.Host.Adopt(context.Background(), Options{Sites: []string{w.site}, Name: "myapp", Yes: true})
	if outcome.ExitCode(err) != outcome.ExitRefused || !strings.Contains(err.Error(), "could not be recreated") {
		t.Errorf("exit code %d, %v", outcome.ExitCode(err), err)
	}
	if _, err := w.Paths.ReadApp("myapp"); !errors.Is(err, state.ErrNoApp) {
		t.Errorf("adopted all the same: %v", err)
	}
	if err := w.Install.RefuseAdopted(); err != nil {
		t.Errorf("something is left of it: %v", err)
	}
}

// An adoption that fails before anything is on record leaves nothing, and says so.
func TestAdoptThatFailsAtOnce(t *testing.T) {
	w := newCopies(t, 1, "")
	clear(w.Images)
	_, err := w.Host.Adopt(context.Background(), Options{Sites: []string{w.site}, Name: "myapp", Yes: true})
	if outcome.ExitCode(err) != outcome.ExitFailed || !strings.Contains(err.Error(), "everything is as it was before") {
		t.Errorf("exit code %d, %v", outcome.ExitCode(err), err)
	}
	if err := w.Install.RefuseAdopted(); err != nil {
		t.Errorf("something is left of it: %v", err)
	}
}
