package docker

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// OtherPorts says where the processes of a running container listen, and what its
// image EXPOSEs, if that is not where they are expected to: at port. It is "" when
// they do, and when there is nothing to say.
func (c *Client) OtherPorts(ctx context.Context, nameOrID string, port uint16) (string, error) {
	ct, err := c.Inspect(ctx, nameOrID)
	if err != nil || ct.SandboxKey == "" || ct.NetworkMode == "host" {
		return "", err
	}
	at, err := c.sys.listening(ct.SandboxKey)
	if err != nil {
		return "", callErr("look into", nameOrID, err)
	}
	image, err := c.Image(ctx, ct.ImageID)
	if err != nil {
		return "", err
	}
	return otherPorts(ct, port, at, image.Ports), nil
}

// OnLoopback ends what OtherPorts says of a container that listens at the right
// port and only for itself.
const OnLoopback = " for itself only, on loopback; it has to listen at 0.0.0.0"

// resolver is where the daemon answers for names on networks of the operator's.
var resolver = netip.AddrFrom4([4]byte{127, 0, 0, 11})

func otherPorts(ct Container, port uint16, at []netip.AddrPort, exposed []uint16) string {
	var ports []uint16
	itself := false
	for _, a := range at {
		switch {
		case a.Addr() == resolver:
		case a.Addr().IsLoopback() && ct.NetworkMode != "none":
			itself = itself || a.Port() == port
		case a.Port() == port:
			return ""
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
		return fmt.Sprintf("%s listens on port %d%s", ct.Name, port, OnLoopback)
	case len(ports) > 0:
		return fmt.Sprintf("%s listens on port %s and not on %d, where it is asked; %s", ct.Name, numbers(ports), port, says)
	case len(exposed) > 0 && !slices.Contains(exposed, port):
		return fmt.Sprintf("%s listens nowhere; it is asked on port %d, and %s", ct.Name, port, says)
	}
	return ""
}

func numbers(list []uint16) string {
	words := make([]string, len(list))
	for i, n := range list {
		words[i] = strconv.Itoa(int(n))
	}
	return strings.Join(words, ", ")
}
