package count

import (
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"
)

func TestTCPListeners(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	at := netip.MustParseAddrPort(l.Addr().String())
	all, err := TCPListeners(0)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(l TCPListener) bool { return l.Addr == at })
	if i < 0 {
		t.Fatalf("%v is not among %v", at, all)
	}
	ours := slices.ContainsFunc(all[i].Holders, func(h Holder) bool { return h.PID == os.Getpid() && h.Name != "" && h.Cgroup != "" })
	if !ours {
		t.Errorf("held by %+v", all[i].Holders)
	}
	if again, err := Listening(); err != nil || !slices.Contains(again, at) {
		t.Errorf("again: %v, %v", again, err)
	}
	if _, err := TCPListeners(1 << 30); err == nil {
		t.Error("listed what a process has that is not there")
	}
}

func TestReaches(t *testing.T) {
	tests := []struct {
		listens, at string
		want        bool
	}{
		{"0.0.0.0:80", "10.0.0.1:80", true},
		{"0.0.0.0:80", "10.0.0.1:81", false},
		{"0.0.0.0:80", "[::1]:80", false},
		{"[::]:80", "[::1]:80", true},
		{"[::]:80", "127.0.0.1:80", true},
		{"127.0.0.1:80", "127.0.0.1:80", true},
		{"127.0.0.1:80", "10.0.0.1:80", false},
	}
	for _, tt := range tests {
		if got := (TCPListener{Addr: netip.MustParseAddrPort(tt.listens)}).Reaches(netip.MustParseAddrPort(tt.at)); got != tt.want {
			t.Errorf("%s at %s: %v", tt.listens, tt.at, got)
		}
	}
}
