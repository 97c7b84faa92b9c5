package slots

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"edgeman/deployer/state"
	"edgeman/sockets"
)

// What another app owns stays, however alike the names are.
func TestForgetSlot(t *testing.T) {
	h := &Host{Paths: state.Paths{Var: t.TempDir(), Run: t.TempDir()}}
	create := func(dir string, names ...string) {
		for _, name := range names {
			if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
				t.Fatal(err)
			}
		}
	}
	create(h.Paths.Run, "a:blue.json", ".a:blue.json1234", "a:green.json", "aa:blue.json")
	create(h.Paths.Handoffs(), "a-blue-1", "a-blue-12-3", "a-green-1", "a-blue-1-blue-1", "b-blue-1")
	if err := h.ForgetSlot(sockets.Slot{App: "a", Color: sockets.Blue}); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string][]string{
		h.Paths.Run:        {"a:green.json", "aa:blue.json", "handoff"},
		h.Paths.Handoffs(): {"a-blue-1-blue-1", "a-green-1", "b-blue-1"},
	} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range entries {
			got = append(got, e.Name())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s has %q, want %q", dir, got, want)
		}
	}
}
