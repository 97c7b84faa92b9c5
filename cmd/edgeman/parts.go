package main

import (
	"time"

	"edgeman/deployer/adopt"
	"edgeman/deployer/console"
	"edgeman/deployer/data"
	"edgeman/deployer/install"
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
		Host: h.site(), Docker: h.docker, Patience: h.patience(), Program: h.program(), Install: h.install(), Unadopt: h.unadopt(),
	}
}

func (h *host) swap() *swap.Host {
	return &swap.Host{Host: h.slots(), Docker: h.docker, Data: h.data(), Patience: h.patience(), Program: h.program(), Site: h.site()}
}

func (h *host) pause() *pause.Host { return &pause.Host{Host: h.slots(), Patience: h.patience()} }

func (h *host) repair() *repair.Host {
	return &repair.Host{Host: h.slots(), Docker: h.docker, Adopt: h.adopt(), Unadopt: h.unadopt()}
}

func (h *host) status() *status.Host {
	return &status.Host{Paths: h.paths, Units: h.units, Docker: h.docker, Out: h.Out, System: h.system, Version: h.version}
}
