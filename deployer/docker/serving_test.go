package docker

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"
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

func TestServing(t *testing.T) {
	raw, _ := captured(t, "testdata/inspect/ports-app.api1.45.json")
	e := &engine{api: "1.45", answers: map[string]answer{
		"GET /containers/json": {200, `[{"Id":"a","Ports":[{"IP":"127.0.0.1","PrivatePort":8080,"PublicPort":18080,"Type":"tcp"}]},
			{"Id":"gone","Ports":[{"IP":"0.0.0.0","PrivatePort":80,"PublicPort":18080,"Type":"tcp"}]},{"Id":"b"}]`},
		"GET /containers/a/json": {200, string(raw)},
	}}
	c, _ := e.listen(t)
	for _, at := range []string{"127.0.0.1:18080", "0.0.0.0:18080", "[::ffff:127.0.0.1]:18080"} {
		found, err := c.Serving(context.Background(), netip.MustParseAddrPort(at))
		if err != nil || len(found) != 1 || found[0].Container.Name != "old" || found[0].Port != 8080 || found[0].By != ByPublished {
			t.Errorf("%s: %+v %v", at, found, err)
		}
	}
	for at, want := range map[netip.AddrPort]string{
		netip.MustParseAddrPort("192.0.2.8:18080"): "another machine answers there",
		netip.MustParseAddrPort("192.0.2.7:18080"): "nothing listens there",
		{}: "that is no address",
	} {
		var doubt *Doubt
		if found, err := c.Serving(context.Background(), at); !errors.As(err, &doubt) || len(found) != 0 || !strings.Contains(doubt.Reason, want) {
			t.Errorf("%s: %v %v, want %q", at, found, err, want)
		}
	}
}

func TestDestinations(t *testing.T) {
	tests := []struct {
		name string
		c    Container
		want []string
	}{
		{"one network", Container{NetworkMode: "bridge", Networks: []Network{{IPv4: addr("172.17.0.2")}}}, []string{"172.17.0.2:80"}},
		{
			"several",
			Container{NetworkMode: "b", Networks: []Network{{Name: "b", IPv4: addr("10.0.1.2"), IPv6: addr("fd00::2")}, {Name: "a", IPv4: addr("10.0.0.2")}}},
			[]string{"10.0.1.2:80", "10.0.0.2:80", "[fd00::2]:80"},
		},
		{"host", Container{NetworkMode: "host"}, []string{"127.0.0.1:80", "[::1]:80"}},
		{"none", Container{NetworkMode: "none", Networks: []Network{{Name: "none"}}}, []string{"127.0.0.1:80", "[::1]:80"}},
		{"stopped", Container{NetworkMode: "bridge", Networks: []Network{{Name: "bridge"}}}, nil},
	}
	for _, tt := range tests {
		var got []string
		for _, a := range tt.c.Destinations(80) {
			got = append(got, a.String())
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestNetworksOrder(t *testing.T) {
	raw, _ := captured(t, "testdata/inspect/networks-app.api1.51.json")
	c, err := parseContainer(raw)
	if err != nil || len(c.Networks) != 2 || c.Networks[0].Name != "front" || c.Networks[0].IPv4 != addr("10.77.0.9") {
		t.Errorf("%+v %v", c.Networks, err)
	}
}

func TestNamesGateway(t *testing.T) {
	tests := []struct {
		text string
		want bool
	}{
		{"172.17.0.1", true},
		{"127.0.0.1,172.17.0.1", true},
		{"http://172.17.0.1:8080/x", true},
		{"172.17.0.0/16", true},
		{"172.16.0.0/12 192.168.0.0/16", true},
		{"[fd00::1]:80", true},
		{"fd00::/8", true},
		{"--trusted=172.17.0.1", true},
		{"172.17.0.10", false},
		{"172.17.0.2", false},
		{"10.0.0.0/8", false},
		{"0.0.0.0/0", false},
		{"*", false},
		{"", false},
		{"1172.17.0.1", false},
		{"12:34:56", false},
	}
	for _, tt := range tests {
		c := Container{
			Networks: []Network{{Gateway: addr("172.17.0.1")}, {Gateway: addr("fd00::1")}, {}},
			Env:      []string{"TRUSTED=" + tt.text, "PLAIN"}, Args: []string{"app", tt.text},
		}
		var want []string
		if tt.want {
			want = []string{"environment TRUSTED", "argument 1"}
		}
		if got := c.NamesGateway(); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", tt.text, got, want)
		}
	}
}

func TestDropPort(t *testing.T) {
	bind := func(ip, port string) nat.PortBinding { return nat.PortBinding{HostIP: ip, HostPort: port} }
	tests := []struct {
		name     string
		bindings nat.PortMap
		all      bool
		at       string
		fixed    []string
		exposed  bool // whether 80/tcp stays exposed
	}{
		{name: "the only one", bindings: nat.PortMap{"80/tcp": {bind("", "8080")}}, at: "127.0.0.1:8080"},
		{name: "both families", bindings: nat.PortMap{"80/tcp": {bind("0.0.0.0", "8080"), bind("::", "8080")}}, at: "127.0.0.1:8080"},
		{
			name: "another address", bindings: nat.PortMap{"80/tcp": {bind("127.0.0.1", "8080"), bind("192.0.2.7", "8080")}}, at: "127.0.0.1:8080",
			fixed: []string{"192.0.2.7:8080 (80/tcp)"}, exposed: true,
		},
		{
			name: "another host port", bindings: nat.PortMap{"80/tcp": {bind("", "8080"), bind("", "9090")}}, at: "127.0.0.1:8080",
			fixed: []string{"*:9090 (80/tcp)"}, exposed: true,
		},
		{
			name: "another port", bindings: nat.PortMap{"80/tcp": {bind("::1", "8080")}, "443/tcp": {bind("::", "8443")}}, at: "[::1]:8080",
			fixed: []string{"[::]:8443 (443/tcp)"},
		},
		{
			name: "both loopbacks", bindings: nat.PortMap{"80/tcp": {bind("127.0.0.1", "8080"), bind("::1", "8080"), bind("127.0.0.1", "9090")}}, at: "127.0.0.1:8080 [::1]:8080",
			fixed: []string{"127.0.0.1:9090 (80/tcp)"}, exposed: true,
		},
		{name: "two host ports", bindings: nat.PortMap{"80/tcp": {bind("127.0.0.1", "8080"), bind("192.0.2.7", "9090")}}, at: "127.0.0.1:8080 192.0.2.7:9090"},
		{name: "a range", bindings: nat.PortMap{"80/tcp": {bind("", "8080-8090")}}, at: "127.0.0.1:8085"},
		{name: "any free port", bindings: nat.PortMap{"80/tcp": {bind("", "")}, "443/tcp": {bind("", "0")}}, at: "127.0.0.1:32768"},
		{name: "publish all", all: true, at: "127.0.0.1:32768"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := inspected{InspectResponse: container.InspectResponse{
				ContainerJSONBase: &container.ContainerJSONBase{HostConfig: &container.HostConfig{PublishAllPorts: tt.all}},
				Config:            &container.Config{ExposedPorts: nat.PortSet{"80/tcp": {}, "7000/tcp": {}}},
			}}
			s := settings{Config: fields{}, HostConfig: fields{}}
			s.Config.set("ExposedPorts", in.Config.ExposedPorts)
			s.HostConfig.set("PortBindings", tt.bindings)
			if tt.all {
				s.HostConfig.set("PublishAllPorts", true)
			}
			var at []netip.AddrPort
			for _, a := range strings.Fields(tt.at) {
				at = append(at, netip.MustParseAddrPort(a))
			}
			if err := dropPort(s, in, 80, at); err != nil {
				t.Fatal(err)
			}
			fixed, err := fixedPorts(s)
			if err != nil || !slices.Equal(fixed, tt.fixed) {
				t.Errorf("fixed %q, want %q, %v", fixed, tt.fixed, err)
			}
			exposed := nat.PortSet{}
			if err := s.Config.get("ExposedPorts", &exposed); err != nil {
				t.Fatal(err)
			}
			if _, ok := exposed["80/tcp"]; ok != tt.exposed {
				t.Errorf("exposed %v", exposed)
			}
			if _, ok := exposed["7000/tcp"]; !ok {
				t.Errorf("exposed %v", exposed)
			}
			left := nat.PortMap{}
			if err := s.HostConfig.get("PortBindings", &left); err != nil || tt.all && len(left["7000/tcp"]) != 1 {
				t.Errorf("bindings %v %v", left, err)
			}
			if _, ok := s.HostConfig["PublishAllPorts"]; ok {
				t.Error("publishes all ports still")
			}
		})
	}
}
