package slots

import (
	"net/netip"
	"slices"

	"edgeman/deployer/docker"
)

// PortBehind is the container's port that the address leads to.
func PortBehind(c docker.Container, addr netip.AddrPort, chosen uint16) (uint16, bool) {
	if chosen != 0 {
		return chosen, true
	}
	if OwnAddress(c, addr.Addr()) { // whatever is published under the same number elsewhere
		return addr.Port(), true
	}
	for _, p := range c.Published {
		if p.HostPort == addr.Port() && p.Proto == "tcp" {
			return p.ContainerPort, true
		}
	}
	return addr.Port(), c.NetworkMode == "host"
}

// OwnAddress tells whether the address is the container's own on some network.
func OwnAddress(c docker.Container, ip netip.Addr) bool {
	return slices.ContainsFunc(c.Networks, func(n docker.Network) bool { return n.IPv4 == ip || n.IPv6 == ip })
}
