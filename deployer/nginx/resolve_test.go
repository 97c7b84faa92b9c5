package nginx

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestResolve(t *testing.T) {
	s := &Server{}
	ips, err := s.Resolve(t.Context(), "localhost")
	if err != nil || !slices.ContainsFunc(ips, netip.Addr.IsLoopback) {
		t.Errorf("localhost: %v, %v", ips, err)
	}
	if ips, err := s.Resolve(t.Context(), "nobody.invalid"); err == nil || !strings.Contains(err.Error(), "nobody.invalid leads nowhere") {
		t.Errorf("a name that cannot be: %v, %v", ips, err)
	}
	if ips, err := s.Resolve(t.Context(), "--version"); err == nil {
		t.Errorf("an option for a name: %v", ips)
	}
}

func TestParseHosts(t *testing.T) {
	got := parseHosts("127.0.0.1       STREAM app.lan\n127.0.0.1       DGRAM  \n::ffff:10.1.2.3 STREAM\nfd00::7 STREAM x\nrubbish\n")
	if want := []string{"127.0.0.1", "10.1.2.3", "fd00::7"}; !slices.EqualFunc(got, want, func(a netip.Addr, b string) bool { return a.String() == b }) {
		t.Errorf("%v", got)
	}
}
