package repair

import (
	"testing"
	"time"

	real "edgeman/deployer/nginx"

	"edgeman/deployer/data"
	"edgeman/deployer/fake"
	"edgeman/deployer/patience"
	"edgeman/deployer/program"
	"edgeman/deployer/site"
	"edgeman/deployer/slots"
	"edgeman/deployer/swap"
	"edgeman/deployer/unadopt"
)

// world is a host of fakes and what this package does on it.
type world struct {
	*fake.World
	*Host
	Swaps *swap.Host
}

func newWorld(t *testing.T) *world {
	w := fake.New(t)
	docker, units, nginx, files := fake.Docker{World: w}, fake.Units{World: w}, fake.Nginx{World: w}, real.OSFiles{}
	on := &slots.Host{Console: w.NewConsole(), Paths: w.Dirs, Units: units, Docker: docker, LockWait: time.Second}
	at := &site.Host{Host: on, Nginx: nginx, Files: files}
	holds := &data.Host{Host: on, Docker: docker}
	return &world{
		w,
		&Host{Host: on, Docker: docker, Unadopt: &unadopt.Host{Host: at, Docker: docker, Data: holds}},
		&swap.Host{
			Host: on, Docker: docker, Data: holds, Patience: &patience.Host{Host: on, Nginx: nginx, Files: files},
			Program: &program.Host{Console: on.Console, System: w.System}, Site: at,
		},
	}
}
