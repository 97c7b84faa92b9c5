package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"edgeman/deployer/adopt"
	"edgeman/deployer/compose"
	"edgeman/deployer/console"
	"edgeman/deployer/data"
	"edgeman/deployer/declared"
	"edgeman/deployer/docker"
	"edgeman/deployer/hint"
	"edgeman/deployer/install"
	"edgeman/deployer/nginx"
	"edgeman/deployer/outcome"
	"edgeman/deployer/patience"
	"edgeman/deployer/pause"
	"edgeman/deployer/program"
	"edgeman/deployer/repair"
	"edgeman/deployer/site"
	"edgeman/deployer/slots"
	"edgeman/deployer/state"
	"edgeman/deployer/status"
	"edgeman/deployer/swap"
	"edgeman/deployer/unadopt"
	"edgeman/nginxconf"
	"edgeman/sockets/systemd"
)

// host is what the commands touch: one real set, one for tests. What a command
// has not asked for is nil.
type host struct {
	*console.Console
	paths   state.Paths
	units   unitsPort
	docker  dockerPort
	nginx   site.Nginx
	files   nginxconf.FS
	system  program.System
	version string        // of edgeman
	wait    time.Duration // for another command on the same app
}

// unitsPort is all that any command asks of systemd.
type unitsPort interface {
	slots.Units
	install.Units
}

// dockerPort is all that any command asks of Docker.
type dockerPort interface {
	slots.Docker
	data.Docker
	adopt.Docker
	unadopt.Docker
	swap.Docker
	declared.Docker
	install.Docker
}

func (h *host) slots() *slots.Host {
	return &slots.Host{Console: h.Console, Paths: h.paths, Units: h.units, Docker: h.docker, LockWait: h.wait}
}

func (h *host) site() *site.Host {
	return &site.Host{Host: h.slots(), Nginx: h.nginx, Files: h.files}
}

func (h *host) patience() *patience.Host {
	return &patience.Host{Host: h.slots(), Nginx: h.nginx, Files: h.files}
}

func (h *host) data() *data.Host { return &data.Host{Host: h.slots(), Docker: h.docker} }

func (h *host) program() *program.Host {
	return &program.Host{Console: h.Console, System: h.system}
}

func (h *host) install() *install.Host {
	return &install.Host{Host: h.slots(), Units: h.units, Docker: h.docker, Nginx: h.nginx, Program: h.program(), Version: h.version}
}

func (h *host) unadopt() *unadopt.Host {
	return &unadopt.Host{Host: h.site(), Docker: h.docker, Data: h.data()}
}

func (h *host) adopt() *adopt.Host {
	return &adopt.Host{
		Host: h.site(), Docker: h.docker, Patience: h.patience(), Program: h.program(), Install: h.install(), Unadopt: h.unadopt(), Declared: h.declared(),
	}
}

func (h *host) swap() *swap.Host {
	return &swap.Host{
		Host: h.slots(), Docker: h.docker, Data: h.data(), Patience: h.patience(), Program: h.program(), Site: h.site(), Declared: h.declared(),
	}
}

func (h *host) declared() *declared.Host {
	return &declared.Host{Docker: h.docker, Compose: func(ctx context.Context) (declared.Compose, error) { return compose.Find(ctx) }}
}

func (h *host) pause() *pause.Host { return &pause.Host{Host: h.slots(), Patience: h.patience()} }

func (h *host) repair() *repair.Host {
	return &repair.Host{Host: h.slots(), Docker: h.docker, Adopt: h.adopt(), Unadopt: h.unadopt()}
}

func (h *host) status() *status.Host {
	return &status.Host{Paths: h.paths, Units: h.units, Docker: h.docker, Out: h.Out, System: h.system, Version: h.version}
}

// part opens one thing that a command works with, and says how to close it.
type part func(ctx context.Context, h *host) (func(), error)

// openParts opens what a command needs of the real host, all of it or nothing.
func openParts(ctx context.Context, h *host, parts []part) (closeAll func(), err error) {
	var opened []func()
	closeAll = func() {
		for _, f := range slices.Backward(opened) {
			f()
		}
	}
	for _, p := range parts {
		f, err := p(ctx, h)
		if err != nil {
			closeAll()
			return nil, err
		}
		opened = append(opened, f)
	}
	return closeAll, nil
}

// onHost runs do with the parts of the host that it needs, until it is done or
// a signal ends its context.
func onHost(env *environment, c *cli.Context, do action, parts ...part) error {
	ctx, stop := interruptible(c.Context, env.stderr)
	defer stop()
	h := &host{
		Console: &console.Console{In: env.stdin, Out: env.stdout, Err: env.stderr},
		paths:   env.paths, system: env.system, files: nginx.OSFiles{},
		version: programVersion(), wait: c.Duration("wait"),
	}
	closeAll, err := env.open(ctx, h, parts)
	if err != nil {
		return outcome.Interrupted(ctx, err)
	}
	defer closeAll()
	return outcome.Interrupted(ctx, do(ctx, h))
}

func withUnits(ctx context.Context, h *host) (func(), error) {
	units, err := systemd.Open(ctx)
	if err != nil {
		return nil, hint.With(fmt.Errorf("talking to systemd: %w", err), "edgeman needs systemd as PID 1")
	}
	h.units = units
	return units.Close, nil
}

func withDocker(ctx context.Context, h *host) (func(), error) {
	client, err := docker.Open(ctx)
	if err != nil {
		return nil, fmt.Errorf("talking to Docker: %w", err)
	}
	h.docker = client
	return func() { client.Close() }, nil
}

// These are for commands that do something useful, or say more, without the part.
var (
	tryUnits  = optional(withUnits, "what systemd knows is left out: ")
	tryDocker = optional(withDocker, "")
	tryNginx  = optional(withNginx, "")
)

// optional says why a part is not there, and goes on without it.
func optional(p part, without string) part {
	return func(ctx context.Context, h *host) (func(), error) {
		done, err := p(ctx, h)
		if err != nil {
			fmt.Fprintf(h.Err, "note: %s%v\n", without, err)
			return func() {}, nil
		}
		return done, nil
	}
}

// quietDocker goes on without Docker where it does not answer: the slots' services
// report that.
func quietDocker(ctx context.Context, h *host) (func(), error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	done, err := withDocker(ctx, h)
	if err != nil {
		return func() {}, nil
	}
	return done, nil
}

func withNginx(ctx context.Context, h *host) (func(), error) {
	server, err := nginx.Open(ctx, nginx.Options{})
	if err != nil {
		return nil, fmt.Errorf("looking at nginx: %w", err)
	}
	h.nginx = server
	return func() {}, nil
}

// report prints the result of a command as JSON. Of a plan nothing else was asked
// for; what was done stays done, whether it can be read or not.
func report(h *host, result any, planned bool) error {
	err := h.PrintJSON(result)
	if planned {
		return err
	}
	h.Unwritten(err)
	return nil
}
