package locate

import (
	"net/netip"
	"testing"

	"edgeman/deployer/docker/inspect"
)

func TestOtherPorts(t *testing.T) {
	tests := []struct {
		name    string
		also    []uint16
		at      []string
		exposed []uint16
		want    string
	}{
		{"where it is asked", nil, []string{"0.0.0.0:9000", "[::]:8080"}, []uint16{3000}, ""},
		{"another port", nil, []string{"[::]:3000", "0.0.0.0:3000", "127.0.0.11:40123"}, []uint16{3000, 9090}, "web listens on port 3000 and not on 8080, where it is asked; its image EXPOSEs 3000, 9090"},
		{"several", nil, []string{"0.0.0.0:4000", "0.0.0.0:3000"}, nil, "web listens on port 3000, 4000 and not on 8080, where it is asked; its image EXPOSEs no port"},
		{"for itself", nil, []string{"127.0.0.1:8080"}, nil, "web listens on port 8080 for itself only, on loopback; it has to listen at 0.0.0.0"},
		{"at one of two", []uint16{8072}, []string{"0.0.0.0:8080", "0.0.0.0:9072"}, nil, "web listens on port 8080, 9072 and not on 8072, where it is asked; its image EXPOSEs no port"},
		{"at both", []uint16{8072}, []string{"0.0.0.0:8080", "0.0.0.0:8072"}, nil, ""},
		{"nowhere", nil, nil, []uint16{8080}, ""},
		{"nowhere, and the image says another", nil, nil, []uint16{3000}, "web listens nowhere; it is asked on port 8080, and its image EXPOSEs 3000"},
	}
	for _, tt := range tests {
		var at []netip.AddrPort
		for _, a := range tt.at {
			at = append(at, netip.MustParseAddrPort(a))
		}
		if got := OtherPorts(inspect.Container{Name: "web", NetworkMode: "bridge"}, append([]uint16{8080}, tt.also...), at, tt.exposed); got.Text != tt.want || got.Loopback != (tt.name == "for itself") {
			t.Errorf("%s: %+v, want %q", tt.name, got, tt.want)
		}
	}
}
