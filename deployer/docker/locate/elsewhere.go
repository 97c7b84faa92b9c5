package locate

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"edgeman/deployer/docker/inspect"
)

// Elsewhere says that a container does not listen where it is asked.
type Elsewhere struct {
	Text     string // "" when it does, and when there is nothing to say
	Loopback bool   // it does, for itself only
}

// resolver is where the daemon answers for names on networks of the operator's.
var resolver = netip.AddrFrom4([4]byte{127, 0, 0, 11})

// OtherPorts says where a container listens, given all addresses at which somebody
// listens in its namespace, if that is not at each of wanted.
func OtherPorts(ct inspect.Container, wanted []uint16, at []netip.AddrPort, exposed []uint16) Elsewhere {
	for _, port := range wanted {
		if e := otherPort(ct, port, at, exposed); e.Text != "" {
			return e
		}
	}
	return Elsewhere{}
}

func otherPort(ct inspect.Container, port uint16, at []netip.AddrPort, exposed []uint16) Elsewhere {
	var ports []uint16
	itself := false
	for _, a := range at {
		switch {
		case a.Addr() == resolver:
		case a.Addr().IsLoopback() && ct.NetworkMode != "none":
			itself = itself || a.Port() == port
		case a.Port() == port:
			return Elsewhere{}
		case !slices.Contains(ports, a.Port()):
			ports = append(ports, a.Port())
		}
	}
	slices.Sort(ports)
	says := "its image EXPOSEs no port"
	if len(exposed) > 0 {
		says = "its image EXPOSEs " + numbers(exposed)
	}
	switch {
	case itself:
		return Elsewhere{fmt.Sprintf("%s listens on port %d for itself only, on loopback; it has to listen at 0.0.0.0", ct.Name, port), true}
	case len(ports) > 0:
		return Elsewhere{Text: fmt.Sprintf("%s listens on port %s and not on %d, where it is asked; %s", ct.Name, numbers(ports), port, says)}
	case len(exposed) > 0 && !slices.Contains(exposed, port):
		return Elsewhere{Text: fmt.Sprintf("%s listens nowhere; it is asked on port %d, and %s", ct.Name, port, says)}
	}
	return Elsewhere{}
}

func numbers(list []uint16) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(list), " ", ", "), "[]")
}
