package registry

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// LoggedIn tells whether the user with this home has a login at the registry; no
// more of the file is looked at.
func LoggedIn(home, registry string) bool {
	f, err := os.OpenFile(filepath.Join(home, ".docker", "config.json"), os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	if fi, err := f.Stat(); err != nil || !fi.Mode().IsRegular() {
		return false
	}
	var login struct {
		Auths, CredHelpers map[string]json.RawMessage
	}
	if json.NewDecoder(io.LimitReader(f, 1<<20)).Decode(&login) != nil {
		return false
	}
	if registry == "docker.io" {
		registry = hub
	}
	for _, names := range []map[string]json.RawMessage{login.Auths, login.CredHelpers} {
		for name := range names {
			if hostOf(name) == hostOf(registry) {
				return true
			}
		}
	}
	return false
}
