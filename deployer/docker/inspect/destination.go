package inspect

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
)

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
