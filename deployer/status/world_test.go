package status

import (
	"testing"
	"time"

	"edgeman/deployer/fake"
	"edgeman/deployer/slots"
)

// world is a host of fakes and what this package does on it.
type world struct {
	*fake.World
	*Host
	Slots *slots.Host
}

func newWorld(t *testing.T) *world {
	w := fake.New(t)
	return &world{
		w,
		&Host{Paths: w.Dirs, Units: fake.Units{World: w}, Docker: fake.Docker{World: w}, Out: &w.Stdout},
		&slots.Host{Console: w.NewConsole(), Paths: w.Dirs, Units: fake.Units{World: w}, Docker: fake.Docker{World: w}, LockWait: time.Second},
	}
}
