package inspect

import (
	"net/netip"
	"slices"
)

// Owns tells whether the address is the container's own on some network.
func (ct Container) Owns(ip netip.Addr) bool {
	return slices.ContainsFunc(ct.Networks, func(n Network) bool { return n.IPv4 == ip || n.IPv6 == ip })
}

// PortBehind is the container's port that the address leads to; chosen, unless it
// is 0, is what somebody has said that it is.
func (ct Container) PortBehind(addr netip.AddrPort, chosen uint16) (uint16, bool) {
	if chosen != 0 {
		return chosen, true
	}
	if ct.Owns(addr.Addr()) { // whatever is published under the same number elsewhere
		return addr.Port(), true
	}
	for _, p := range ct.Published {
		if p.HostPort == addr.Port() && p.Proto == "tcp" {
			return p.ContainerPort, true
		}
	}
	return addr.Port(), ct.NetworkMode == "host"
}
