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

// How a Target was found.
const (
	ByPublished = "published" // the address is a published port of the container
	ByAddress   = "address"   // the address is the container's own
	ByHost      = "host"      // a process of the container listens in the host's network
)

// Target is a running container that answers at an address.
type Target struct {
	Container inspect.Container
	Port      uint16 // the port inside the container
	By        string // ByPublished, ByAddress or ByHost
}

// servedBy tells how s answers at at, if it does; by is empty when it does not.
func servedBy(s container.Summary, at netip.AddrPort, local bool) (port uint16, by string) {
	for _, p := range s.Ports {
		if p.Type != "tcp" || p.PublicPort != at.Port() || p.PublicPort == 0 {
			continue
		}
		if local && covers(inspect.Addr(p.IP), at.Addr()) {
			return p.PrivatePort, ByPublished
		}
	}
	if s.NetworkSettings == nil {
		return 0, ""
	}
	for _, ep := range s.NetworkSettings.Networks {
		if ep != nil && (inspect.Addr(ep.IPAddress) == at.Addr() || inspect.Addr(ep.GlobalIPv6Address) == at.Addr()) {
			return at.Port(), ByAddress
		}
	}
	return 0, ""
}

// covers says whether a port bound to bound is reached at ip. Docker binds IPv4
// and IPv6 separately, so 0.0.0.0 does not cover ::1.
func covers(bound, ip netip.Addr) bool {
	if !bound.IsValid() { // an engine that names no address binds IPv4
		bound = netip.IPv4Unspecified()
	}
	if bound.IsUnspecified() {
		return bound.Is4() == ip.Is4()
	}
	return bound == ip
}

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

// find is a running container by its id or its name.
func (v View) find(idOrName string) (id, name string) {
	for _, s := range v.Containers {
		if name = inspect.NameOf(s); s.ID == idOrName || name == idOrName {
			return s.ID, name
		}
	}
	return idOrName, inspect.Short(idOrName)
}

// space is the container whose network namespace c lives in.
func (v View) space(c inspect.Container) string {
	joined, ok := strings.CutPrefix(c.NetworkMode, "container:")
	if !ok {
		return c.ID
	}
	id, _ := v.find(joined)
	return id
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
