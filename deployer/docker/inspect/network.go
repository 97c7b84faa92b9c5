package inspect

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"
)

// Network is one network a container is connected to.
type Network struct {
	Name    string
	Gateway netip.Addr // IPv4, else IPv6; invalid when there is none
	IPv4    netip.Addr // invalid when there is none
	IPv6    netip.Addr
	Aliases []string
}

// Port is one published port.
type Port struct {
	HostIP        netip.Addr // 0.0.0.0 or :: for every address
	HostPort      uint16
	ContainerPort uint16
	Proto         string // "tcp", "udp" or "sctp"
}

// UserDefined: the daemon resolves names on these networks only.
func UserDefined(network string) bool {
	switch network {
	case "bridge", "default", "host", "none", "":
		return false
	}
	return !strings.HasPrefix(network, "container:")
}

func networks(in container.InspectResponse) (out []Network) {
	primary := NetworkMode(in)
	for _, name := range slices.Sorted(maps.Keys(in.NetworkSettings.Networks)) {
		ep := in.NetworkSettings.Networks[name]
		if ep == nil {
			continue
		}
		n := Network{Name: name, Gateway: Addr(ep.Gateway), IPv4: Addr(ep.IPAddress), IPv6: Addr(ep.GlobalIPv6Address), Aliases: ep.Aliases}
		if !n.Gateway.IsValid() {
			n.Gateway = Addr(ep.IPv6Gateway)
		}
		if name == primary {
			out = slices.Insert(out, 0, n)
		} else {
			out = append(out, n)
		}
	}
	return out
}

// NetworkMode is the name of the network the container was started with. The
// daemon says "default" (before Docker 26) for the default bridge, and repeats
// a network's id when it was given by id.
func NetworkMode(in container.InspectResponse) string {
	mode := string(in.HostConfig.NetworkMode)
	if mode == "default" || mode == "" {
		return "bridge"
	}
	for name, ep := range in.NetworkSettings.Networks {
		if ep != nil && ep.NetworkID == mode {
			return name
		}
	}
	return mode
}

func published(in container.InspectResponse) []Port {
	var out []Port
	for p, bindings := range in.NetworkSettings.Ports {
		for _, b := range bindings {
			outside, err := strconv.ParseUint(b.HostPort, 10, 16)
			if err != nil {
				continue
			}
			ip := Addr(b.HostIP)
			if !ip.IsValid() {
				ip = netip.IPv4Unspecified()
			}
			out = append(out, Port{HostIP: ip, HostPort: uint16(outside), ContainerPort: uint16(p.Int()), Proto: p.Proto()})
		}
	}
	slices.SortFunc(out, func(a, b Port) int {
		return cmp.Or(cmp.Compare(a.ContainerPort, b.ContainerPort), strings.Compare(a.Proto, b.Proto),
			cmp.Compare(a.HostPort, b.HostPort), a.HostIP.Compare(b.HostIP))
	})
	return out
}

// Addr reads an address; invalid when it is none.
func Addr(s string) netip.Addr {
	a, _ := netip.ParseAddr(s)
	return a.Unmap()
}

// Dialled is the address that a connect() to ip reaches: the kernel takes the
// unspecified address for loopback.
func Dialled(ip netip.Addr) netip.Addr {
	ip = ip.Unmap()
	switch {
	case ip == netip.IPv4Unspecified():
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	case ip == netip.IPv6Unspecified():
		return netip.IPv6Loopback()
	}
	return ip
}
