package docker

import (
	"context"
	"net/netip"
	"slices"

	"github.com/docker/docker/api/types/container"
)

// How a Target was found.
const (
	ByPublished = "published" // the address is a published port of the container
	ByAddress   = "address"   // the address is the container's own
	ByHost      = "host"      // a process of the container listens in the host's network
)

// Target is a running container that answers at an address.
type Target struct {
	Container Container
	Port      uint16 // the port inside the container
	By        string // ByPublished, ByAddress or ByHost
}

// Serving finds the running containers behind a TCP address as nginx would dial
// it: through a published port of this host, at a container's own address, or by
// a process in the host's network. Usually it is one; several mean that the
// caller has to ask. The error is a *Doubt that says what is there instead when
// there is none.
func (c *Client) Serving(ctx context.Context, at netip.AddrPort) ([]Target, error) {
	if !at.IsValid() {
		return nil, &Doubt{Reason: "that is no address"}
	}
	v, err := c.look(ctx, at)
	if err != nil {
		return nil, err
	}
	var out []Target
	for _, s := range v.containers {
		port, by := v.servedBy(s)
		if by == "" {
			continue
		}
		ct, err := c.Inspect(ctx, s.ID)
		if isNotFound(err) {
			continue // removed since
		}
		if err != nil {
			return nil, err
		}
		if ct.Running {
			out = append(out, Target{Container: ct, Port: port, By: by})
		}
	}
	if len(out) == 0 {
		return nil, &Doubt{Reason: v.unserved()}
	}
	return out, nil
}

// servedBy tells how s answers at the address, if it does.
func (v view) servedBy(s container.Summary) (port uint16, by string) {
	if s.HostConfig.NetworkMode != "host" {
		return servedBy(s, v.at, v.local)
	}
	if l, ok := reached(v.host, v.at); ok && slices.Contains(v.owners(l), s.ID) {
		return v.at.Port(), ByHost
	}
	return 0, ""
}

// isLocal says whether ip is this host. A published port is open on this host
// only: the same port at another machine's address is not ours.
func (c *Client) isLocal(ip netip.Addr) (bool, error) {
	if ip.IsLoopback() {
		return true, nil
	}
	own, err := c.sys.addresses()
	if err != nil {
		return false, err
	}
	return slices.Contains(own, ip.WithZone("")), nil
}

// dialled is the address that a connect() to ip reaches: the kernel takes the
// unspecified address for loopback.
func dialled(ip netip.Addr) netip.Addr {
	ip = ip.Unmap()
	switch {
	case ip == netip.IPv4Unspecified():
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	case ip == netip.IPv6Unspecified():
		return netip.IPv6Loopback()
	}
	return ip
}

// servedBy tells how s answers at at, if it does; by is empty when it does not.
func servedBy(s container.Summary, at netip.AddrPort, local bool) (port uint16, by string) {
	for _, p := range s.Ports {
		if p.Type != "tcp" || p.PublicPort != at.Port() || p.PublicPort == 0 {
			continue
		}
		if local && covers(addr(p.IP), at.Addr()) {
			return p.PrivatePort, ByPublished
		}
	}
	if s.NetworkSettings == nil {
		return 0, ""
	}
	for _, ep := range s.NetworkSettings.Networks {
		if ep != nil && (addr(ep.IPAddress) == at.Addr() || addr(ep.GlobalIPv6Address) == at.Addr()) {
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
