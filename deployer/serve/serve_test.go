package serve

import (
	"os"
	"path/filepath"
	"testing"
)

// install puts edgeman into bin and edgeman-init into lib/edgeman; a build has
// both in one directory.
func TestInitIsFound(t *testing.T) {
	root := t.TempDir()
	bin := filepath.Join(root, "bin")
	if got, want := initBeside(bin), filepath.Join(bin, "edgeman-init"); got != want {
		t.Errorf("not installed: %s, want %s", got, want)
	}
	installed := filepath.Join(root, "lib", "edgeman", "edgeman-init")
	if err := os.MkdirAll(filepath.Dir(installed), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(installed, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if got := initBeside(bin); got != installed {
		t.Errorf("installed: %s, want %s", got, installed)
	}
}
