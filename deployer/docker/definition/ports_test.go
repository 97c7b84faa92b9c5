package definition

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/go-connections/nat"

	"edgeman/deployer/docker/inspect"
	"edgeman/deployer/docker/rawjson"
)

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
			in := inspect.Answer{InspectResponse: container.InspectResponse{
				ContainerJSONBase: &container.ContainerJSONBase{HostConfig: &container.HostConfig{PublishAllPorts: tt.all}},
				Config:            &container.Config{ExposedPorts: nat.PortSet{"80/tcp": {}, "7000/tcp": {}}},
			}}
			s := Settings{Config: rawjson.Object{}, HostConfig: rawjson.Object{}}
			s.Config.Set("ExposedPorts", in.Config.ExposedPorts)
			s.HostConfig.Set("PortBindings", tt.bindings)
			if tt.all {
				s.HostConfig.Set("PublishAllPorts", true)
			}
			var at []netip.AddrPort
			for _, a := range strings.Fields(tt.at) {
				at = append(at, netip.MustParseAddrPort(a))
			}
			if err := s.DropPort(in, 80, at); err != nil {
				t.Fatal(err)
			}
			fixed, err := s.FixedPorts()
			var want []string
			for _, p := range tt.fixed {
				want = append(want, "publishes "+p)
			}
			if err != nil || !slices.Equal(fixed, want) {
				t.Errorf("fixed %q, want %q, %v", fixed, want, err)
			}
			exposed := nat.PortSet{}
			if err := s.Config.Get("ExposedPorts", &exposed); err != nil {
				t.Fatal(err)
			}
			if _, ok := exposed["80/tcp"]; ok != tt.exposed {
				t.Errorf("exposed %v", exposed)
			}
			if _, ok := exposed["7000/tcp"]; !ok {
				t.Errorf("exposed %v", exposed)
			}
			left := nat.PortMap{}
			if err := s.HostConfig.Get("PortBindings", &left); err != nil || tt.all && len(left["7000/tcp"]) != 1 {
				t.Errorf("bindings %v %v", left, err)
			}
			if _, ok := s.HostConfig["PublishAllPorts"]; ok {
				t.Error("publishes all ports still")
			}
		})
	}
}
