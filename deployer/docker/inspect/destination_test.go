package inspect

import (
	"slices"
	"testing"
)

func TestDestinations(t *testing.T) {
	tests := []struct {
		name string
		c    Container
		want []string
	}{
		{"one network", Container{NetworkMode: "bridge", Networks: []Network{{IPv4: Addr("172.17.0.2")}}}, []string{"172.17.0.2:80"}},
		{
			"several",
			Container{NetworkMode: "b", Networks: []Network{{Name: "b", IPv4: Addr("10.0.1.2"), IPv6: Addr("fd00::2")}, {Name: "a", IPv4: Addr("10.0.0.2")}}},
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
			Networks: []Network{{Gateway: Addr("172.17.0.1")}, {Gateway: Addr("fd00::1")}, {}},
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
