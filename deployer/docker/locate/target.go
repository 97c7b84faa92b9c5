package locate

import (
	"net/netip"

	"github.com/docker/docker/api/types/container"

	"edgeman/deployer/docker/inspect"
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
