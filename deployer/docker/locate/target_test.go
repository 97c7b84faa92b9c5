package locate

import (
	"net/netip"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
)

func TestServedBy(t *testing.T) {
	published := func(ip string) container.Summary {
		return container.Summary{Ports: []container.Port{
			{IP: ip, PrivatePort: 53, PublicPort: 8080, Type: "udp"},
			{PrivatePort: 9000, Type: "tcp"},
			{IP: ip, PrivatePort: 80, PublicPort: 8080, Type: "tcp"},
		}}
	}
	own := container.Summary{NetworkSettings: &container.NetworkSettingsSummary{Networks: map[string]*network.EndpointSettings{
		"a": {IPAddress: "172.17.0.2"}, "b": {GlobalIPv6Address: "fd00::2"}, "c": nil,
	}}}
	tests := []struct {
		name    string
		summary container.Summary
		at      string
		local   bool
		port    uint16
		by      string
	}{
		{"every address", published("0.0.0.0"), "127.0.0.1:8080", true, 80, ByPublished},
		{"no address named", published(""), "127.0.0.1:8080", true, 80, ByPublished},
		{"every address, another machine's", published("0.0.0.0"), "10.0.0.1:8080", false, 0, ""},
		{"every IPv4 address at IPv6", published("0.0.0.0"), "[::1]:8080", true, 0, ""},
		{"every IPv6 address", published("::"), "[::1]:8080", true, 80, ByPublished},
		{"loopback", published("127.0.0.1"), "127.0.0.1:8080", true, 80, ByPublished},
		{"loopback at another of our addresses", published("127.0.0.1"), "10.0.0.1:8080", true, 0, ""},
		{"another port", published("0.0.0.0"), "127.0.0.1:8081", true, 0, ""},
		{"the port inside", published("0.0.0.0"), "127.0.0.1:9000", true, 0, ""},
		{"own address", own, "172.17.0.2:3000", false, 3000, ByAddress},
		{"own IPv6 address", own, "[fd00::2]:3000", false, 3000, ByAddress},
		{"somebody else's", own, "172.17.0.3:3000", false, 0, ""},
	}
	for _, tt := range tests {
		if port, by := servedBy(tt.summary, netip.MustParseAddrPort(tt.at), tt.local); port != tt.port || by != tt.by {
			t.Errorf("%s: %d %q, want %d %q", tt.name, port, by, tt.port, tt.by)
		}
	}
}
