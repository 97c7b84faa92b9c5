package swap

import (
	"testing"
	"time"

	real "edgeman/deployer/nginx"

	"edgeman/deployer/adopt"
	"edgeman/deployer/data"
	"edgeman/deployer/fake"
	"edgeman/deployer/install"
	"edgeman/deployer/patience"
	"edgeman/deployer/pause"
	"edgeman/deployer/program"
	"edgeman/deployer/repair"
	"edgeman/deployer/site"
	"edgeman/deployer/slots"
	"edgeman/deployer/status"
	"edgeman/deployer/unadopt"
)

// world is a host of fakes, what this package does on it, and what other
// commands do.
type world struct {
	*fake.World
	*Host
	Pauses   *pause.Host
	Installs *install.Host
	Adopts   *adopt.Host
	Repairs  *repair.Host
	Status   *status.Host
}

func newWorld(t *testing.T) *world {
	w := fake.New(t)
	docker, units, nginx, files := fake.Docker{World: w}, fake.Units{World: w}, fake.Nginx{World: w}, real.OSFiles{}
	on := &slots.Host{Console: w.NewConsole(), Paths: w.Dirs, Units: units, Docker: docker, LockWait: time.Second}
	at := &site.Host{Host: on, Nginx: nginx, Files: files}
	waits := &patience.Host{Host: on, Nginx: nginx, Files: files}
	holds := &data.Host{Host: on, Docker: docker}
	programs := &program.Host{Console: on.Console, System: w.System}
	installs := &install.Host{Host: on, Units: units, Docker: docker, Nginx: nginx, Program: programs}
	gives := &unadopt.Host{Host: at, Docker: docker, Data: holds}
	adopts := &adopt.Host{Host: at, Docker: docker, Patience: waits, Program: programs, Install: installs, Unadopt: gives}
	return &world{
		w,
		&Host{Host: on, Docker: docker, Data: holds, Patience: waits, Program: programs, Site: at},
		&pause.Host{Host: on, Patience: waits},
		installs, adopts,
		&repair.Host{Host: on, Docker: docker, Adopt: adopts, Unadopt: gives},
		&status.Host{Paths: w.Dirs, Units: units, Docker: docker, Out: &w.Stdout},
	}
}
