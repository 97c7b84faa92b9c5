package inspect

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
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

// Destinations lists where the container's app is to be dialled inside its network
// namespace, best first: the address a published port leads to (that of the
// network the container was started with), then its other IPv4 addresses, then
// IPv6. An app need not listen on loopback, and one that only does so was never
// reachable before; so 127.0.0.1 is dialled only where there is nothing else,
// with the host's network or none.
func (ct Container) Destinations(port uint16) []netip.AddrPort {
	if ct.NetworkMode == "host" || ct.NetworkMode == "none" {
		return []netip.AddrPort{
			netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port),
			netip.AddrPortFrom(netip.IPv6Loopback(), port),
		}
	}
	var v4, v6 []netip.AddrPort
	for _, n := range ct.Networks {
		if n.IPv4.IsValid() {
			v4 = append(v4, netip.AddrPortFrom(n.IPv4, port))
		}
		if n.IPv6.IsValid() {
			v6 = append(v6, netip.AddrPortFrom(n.IPv6, port))
		}
	}
	return append(v4, v6...)
}

// address finds what may be an IP address or a subnet inside free text.
var address = regexp.MustCompile(`[0-9a-fA-F:.]*[0-9a-fA-F:](/[0-9]{1,3})?`)

// NamesGateway tells where the environment or the arguments name the
// gateway of one of its networks, or a subnet around it: such an app trusts the
// peer address that a published port gives it, so it has to keep that peer. Each
// entry reads like "environment FORWARDED_ALLOW_IPS"; values are never shown.
func (ct Container) NamesGateway() []string {
	var gateways []netip.Addr
	for _, n := range ct.Networks {
		if n.Gateway.IsValid() {
			gateways = append(gateways, n.Gateway)
		}
	}
	var out []string
	for _, e := range ct.Env {
		if k, v, ok := strings.Cut(e, "="); ok && namesAny(v, gateways) {
			out = append(out, "environment "+k)
		}
	}
	for i, a := range ct.Args {
		if namesAny(a, gateways) {
			out = append(out, fmt.Sprintf("argument %d", i))
		}
	}
	return out
}

func namesAny(text string, gateways []netip.Addr) bool {
	for _, word := range address.FindAllString(text, -1) {
		// "172.17.0.1:8080" and "[fd00::1]:80" leave a port or nothing behind.
		for _, w := range []string{word, cutPort(word)} {
			for _, g := range gateways {
				if a, err := netip.ParseAddr(w); err == nil && a.Unmap() == g {
					return true
				}
				// Everything-goes subnets (0.0.0.0/0) name nobody.
				if p, err := netip.ParsePrefix(w); err == nil && p.Bits() > 0 && p.Contains(g) {
					return true
				}
			}
		}
	}
	return false
}

func cutPort(s string) string {
	if i := strings.LastIndexByte(s, ':'); i > 0 && strings.Count(s, ":") == 1 {
		return s[:i]
	}
	return s
}
