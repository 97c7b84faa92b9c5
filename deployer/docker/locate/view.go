// Package locate tells from what Docker and the kernel know which container
// answers at an address, and where a container listens. It is given a View of
// this host, and asks nobody.
package locate

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"

	"edgeman/deployer/docker/inspect"
	"edgeman/sockets/count"
)

// View is what this host knows of an address and of its containers.
type View struct {
	At         netip.AddrPort
	Local      bool // at is an address of this host
	Containers []container.Summary
	Host       []count.TCPListener // in the host's own namespace
	Inside     []count.TCPListener // in that of the container in question
}

// owners are the containers whose processes hold a listener.
func (v View) owners(l count.TCPListener) []string {
	var out []string
	for _, h := range l.Holders {
		for _, s := range v.Containers {
			if strings.Contains(h.Cgroup, s.ID) && !slices.Contains(out, s.ID) {
				out = append(out, s.ID)
			}
		}
	}
	return out
}

// space is the container whose network namespace c lives in.
func (v View) space(c inspect.Container) string {
	joined, ok := strings.CutPrefix(c.NetworkMode, "container:")
	if !ok {
		return c.ID
	}
	for _, s := range v.Containers {
		if s.ID == joined || inspect.NameOf(s) == joined {
			return s.ID
		}
	}
	return joined
}

// sharing are the other containers in c's network namespace.
func (v View) sharing(c inspect.Container) []string {
	var out []string
	for _, s := range v.Containers {
		in := v.space(inspect.Container{ID: s.ID, NetworkMode: s.HostConfig.NetworkMode})
		if s.ID != c.ID && in == v.space(c) {
			out = append(out, inspect.NameOf(s))
		}
	}
	return out
}

func (v View) name(id string) string {
	for _, s := range v.Containers {
		if s.ID == id {
			return inspect.NameOf(s)
		}
	}
	return inspect.Short(id)
}

// forwards tells whether a process takes connections for a container: Docker's
// proxy, whatever it is called, or the daemon itself, which opens the port for it.
func forwards(h count.Holder) bool {
	return h.Name == "docker-proxy" || h.Name == "dockerd" || strings.Contains(h.Command, "\x00-container-port\x00")
}

// reached is the listener that a connection to at arrives at: the one bound most
// narrowly.
func reached(all []count.TCPListener, at netip.AddrPort) (best count.TCPListener, ok bool) {
	rank := func(l count.TCPListener) int {
		switch own := l.Addr.Addr(); {
		case !l.Reaches(at):
			return 0
		case own == at.Addr():
			return 3
		case own.Is4() == at.Addr().Is4():
			return 2
		}
		return 1
	}
	for _, l := range all {
		if rank(l) > 0 && (!ok || rank(l) > rank(best)) {
			best, ok = l, true
		}
	}
	return best, ok
}

// ServedBy tells how s answers at the address, if it does.
func (v View) ServedBy(s container.Summary) (port uint16, by string) {
	if s.HostConfig.NetworkMode != "host" {
		return servedBy(s, v.At, v.Local)
	}
	if l, ok := reached(v.Host, v.At); ok && slices.Contains(v.owners(l), s.ID) {
		return v.At.Port(), ByHost
	}
	return 0, ""
}
