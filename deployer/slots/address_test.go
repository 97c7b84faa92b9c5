package slots

import (
	"net/netip"
	"testing"

	"edgeman/deployer/docker"
)

// A container's own address leads to its own port, whatever is published.
func TestPortBehindAnOwnAddress(t *testing.T) {
	ip := netip.MustParseAddr("172.17.0.2")
	c := docker.Container{
		Networks:  []docker.Network{{Name: "bridge", IPv4: ip}},
		Published: []docker.Port{{HostPort: 8080, ContainerPort: 80, Proto: "tcp"}},
	}
	for at, want := range map[string]uint16{"172.17.0.2:8080": 8080, "127.0.0.1:8080": 80} {
		if port, ok := PortBehind(c, netip.MustParseAddrPort(at), 0); port != want || !ok {
			t.Errorf("%s leads to %d, %v", at, port, ok)
		}
	}
}
