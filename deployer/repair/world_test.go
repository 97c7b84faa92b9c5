package repair

import (
	"testing"
	"time"

	real "edgeman/deployer/nginx"

	"edgeman/deployer/adopt"
	"edgeman/deployer/data"
	"edgeman/deployer/fake"
	"edgeman/deployer/install"
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
	waits := &patience.Host{Host: on, Nginx: nginx, Files: files}
	programs := &program.Host{Console: on.Console, System: w.System}
	gives := &unadopt.Host{Host: at, Docker: docker, Data: holds}
	adopts := &adopt.Host{
		Host: at, Docker: docker, Patience: waits, Program: programs, Unadopt: gives,
		Install: &install.Host{Host: on, Units: units, Docker: docker, Nginx: nginx, Program: programs},
	}
	return &world{
		w,
		&Host{Host: on, Docker: docker, Adopt: adopts, Unadopt: gives},
		&swap.Host{Host: on, Docker: docker, Data: holds, Patience: waits, Program: programs, Site: at},
	}
}
