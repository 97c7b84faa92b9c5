package adopt

import (
	"context"
	"errors"
	"testing"
	"time"

	real "edgeman/deployer/nginx"
	"edgeman/deployer/state"

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
	waits := &patience.Host{Host: on, Nginx: nginx, Files: files}
	holds := &data.Host{Host: on, Docker: docker}
	programs := &program.Host{Console: on.Console, System: w.System}
	return &world{
		w,
		&Host{
			Host: at, Docker: docker, Patience: waits, Program: programs,
			Install: &install.Host{Host: on, Units: units, Docker: docker, Nginx: nginx, Program: programs},
			Unadopt: &unadopt.Host{Host: at, Docker: docker, Data: holds},
		},
		&swap.Host{Host: on, Docker: docker, Data: holds, Patience: waits, Program: programs, Site: at},
	}
}

// Repair is what package repair does about an app of which an adoption, or giving
// back, was interrupted.
func (w *world) Repair(ctx context.Context, app string) error {
	lock, err := w.TakeLock(ctx, app, "repair")
	if err != nil {
		return err
	}
	defer lock.Unlock()
	op, _, err := w.Paths.ReadOperation(app)
	if err != nil {
		return err
	}
	settings, err := w.Paths.ReadApp(app)
	if errors.Is(err, state.ErrNoApp) || errors.Is(err, state.ErrNoSettings) {
		settings, err = state.DefaultApp(app), nil
	}
	if err != nil {
		return err
	}
	if op.Name == "adopt" {
		return w.Finish(ctx, settings, lock, op)
	}
	return w.Unadopt.Finish(ctx, settings, lock, op)
}
