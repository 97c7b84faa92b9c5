package pause

import (
	"testing"
	"time"

	real "edgeman/deployer/nginx"

	"edgeman/deployer/fake"
	"edgeman/deployer/patience"
	"edgeman/deployer/slots"
	"edgeman/deployer/status"
)

// world is a host of fakes and what this package does on it.
type world struct {
	*fake.World
	*Host
	Status *status.Host
}

func newWorld(t *testing.T) *world {
	w := fake.New(t)
	on := &slots.Host{Console: w.NewConsole(), Paths: w.Dirs, Units: fake.Units{World: w}, Docker: fake.Docker{World: w}, LockWait: time.Second}
	return &world{
		w,
		&Host{Host: on, Patience: &patience.Host{Host: on, Nginx: fake.Nginx{World: w}, Files: real.OSFiles{}}},
		&status.Host{Paths: w.Dirs, Units: fake.Units{World: w}, Docker: fake.Docker{World: w}, Out: &w.Stdout},
	}
}
