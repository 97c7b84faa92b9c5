package state

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A killed writer leaves temporary files; the next command removes the app's
// and nobody else's.
func TestNextCommandSweepsTemporaryFiles(t *testing.T) {
	p := testPaths(t)
	for _, app := range []string{"myapp", "my"} {
		if err := p.MakeApp(app); err != nil {
			t.Fatal(err)
		}
	}
	stale := []string{
		filepath.Join(p.App("myapp"), ".operation.json123"),
		filepath.Join(p.Releases("myapp"), ".3.json456"),
		p.Live("myapp") + ".new",
		filepath.Join(p.Site("myapp"), ".adoption.json7"),
		filepath.Join(p.Slots(), ".myapp:blue.next8"),
		filepath.Join(p.Etc, "apps", ".myapp.toml9"),
		filepath.Join(p.Apps(), ".myapp.removed"),
	}
	kept := []string{
		filepath.Join(p.App("my"), ".operation.json123"),
		filepath.Join(p.Slots(), ".my:blue.next8"),
		filepath.Join(p.Etc, "apps", ".my.toml9"),
		filepath.Join(p.Apps(), ".my.removed"),
		filepath.Join(p.App("myapp"), "operation.json"),
		filepath.Join(p.Slots(), "myapp:blue.pause"),
	}
	for _, path := range append(stale, kept...) {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	lock, err := p.TakeLock(t.Context(), "myapp", "swap", time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock()
	for _, path := range stale {
		if _, err := os.Lstat(path); !os.IsNotExist(err) {
			t.Errorf("%s is still there", path)
		}
	}
	for _, path := range kept {
		if _, err := os.Lstat(path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}
