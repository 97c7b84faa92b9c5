package slots

import (
	"testing"
	"time"

	"edgeman/deployer/fake"
)

// world is a host of fakes and what this package does on it.
type world struct {
	*fake.World
	*Host
}

func newWorld(t *testing.T) *world {
	w := fake.New(t)
	return &world{w, &Host{Console: w.NewConsole(), Paths: w.Dirs, Units: fake.Units{World: w}, Docker: fake.Docker{World: w}, LockWait: time.Second}}
}
