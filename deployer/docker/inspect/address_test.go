package inspect

import (
	"net/netip"
	"testing"
)

// A container's own address leads to its own port, whatever is published.
func TestPortBehindAnOwnAddress(t *testing.T) {
	ip := netip.MustParseAddr("172.17.0.2")
	c := Container{
		Networks:  []Network{{Name: "bridge", IPv4: ip}},
		Published: []Port{{HostPort: 8080, ContainerPort: 80, Proto: "tcp"}},
	}
	for at, want := range map[string]uint16{"172.17.0.2:8080": 8080, "127.0.0.1:8080": 80} {
		if port, ok := c.PortBehind(netip.MustParseAddrPort(at), 0); port != want || !ok {
			t.Errorf("%s leads to %d, %v", at, port, ok)
		}
	}
}
