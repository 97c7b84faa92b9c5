package swap

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"edgeman/deployer/outcome"
	"edgeman/deployer/program"
)

// A swap to native without edgeman-init is refused before anything is done.
func TestSwapToNativeWithoutInit(t *testing.T) {
	w := newWorld(t)
	w.Adopted()
	if err := os.RemoveAll(filepath.Join(w.System.Root, program.LibDir)); err != nil {
		t.Fatal(err)
	}
	calls := len(w.Calls)
	_, err := w.Swap(context.Background(), Options{App: "myapp", Image: "v2", Mode: "native"})
	if outcome.ExitCode(err) != outcome.ExitRefused || !strings.Contains(err.Error(), "edgeman-init") || len(w.Calls) != calls {
		t.Errorf("%v after %v", err, w.Calls[calls:])
	}
}
