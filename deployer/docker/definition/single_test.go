package definition

import (
	"strings"
	"testing"
)

func TestSingle(t *testing.T) {
	for _, c := range []struct{ name, settings, want string }{
		{"plain", `{"version":1}`, ""},
		{"any port", `{"version":1,"host_config":{"PortBindings":{"80/tcp":[{"HostPort":""}]},"NetworkMode":"bridge"}}`, ""},
		{"shared volume", `{"version":1,"host_config":{"Binds":["/data:/data"]}}`, ""},
		{"aliases", `{"version":1,"networks":{"web":{"Aliases":["app"]}}}`, ""},
		{"port", `{"version":1,"host_config":{"PortBindings":{"80/tcp":[{"HostIp":"127.0.0.1","HostPort":"8080"}]}}}`, "publishes 127.0.0.1:8080 (80/tcp)"},
		{"host", `{"version":1,"host_config":{"NetworkMode":"host"}}`, "uses the host's network"},
		{"joined", `{"version":1,"host_config":{"NetworkMode":"container:vpn"}}`, "runs in the network namespace of container vpn"},
		{"address", `{"version":1,"networks":{"web":{"IPAMConfig":{"IPv4Address":"10.0.0.9"}}}}`, "has the fixed address 10.0.0.9 on network web"},
		{"mac", `{"version":1,"networks":{"web":{"MacAddress":"02:42:ac:11:00:09"}}}`, "has the fixed address 02:42:ac:11:00:09 on network web"},
	} {
		got, err := Single([]byte(c.settings))
		if err != nil || strings.Join(got, "; ") != c.want {
			t.Errorf("%s: %q, %v; want %q", c.name, got, err, c.want)
		}
	}
	if _, err := Single([]byte(`{"version":9}`)); err == nil {
		t.Error("unknown settings are said to be fine")
	}
}
