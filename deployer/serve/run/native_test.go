package run

import (
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/serve/carry"
	"edgeman/deployer/state"
	"edgeman/sockets"
)

func TestAcceptProbe(t *testing.T) {
	r, l := deaf(t)
	ask := r.acceptProbe("8080")
	for range 2 {
		if answer, ok := ask(t.Context()); ok || answer != "connect: not accepted yet" {
			t.Errorf("%q, %v", answer, ok)
		}
	}
	if n, err := l.Pending(); n != 1 || err != nil {
		t.Errorf("%d connections in the queue (%v), want one", n, err)
	}
	c, err := l.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if answer, ok := ask(t.Context()); !ok {
		t.Errorf("%q, %v", answer, ok)
	}
}

// deaf is a native app that accepts nothing from the slot's one listener.
func deaf(t *testing.T) (*runner, *sockets.Listener) {
	t.Helper()
	s := &Containers{Log: t.Logf, Slot: sockets.Slot{App: "myapp", Color: sockets.Blue}, Paths: state.Paths{Run: t.TempDir()}}
	dir := s.Slot.SocketDir(s.Paths.Run)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	l, err := sockets.Listen(sockets.SocketPath(dir, "8080"), 10)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return &runner{slot: s, release: state.Release{Listeners: []state.Listener{state.PortListener(8080)}, Mode: Native}}, l
}

func TestDeafNativeAppIsNamed(t *testing.T) {
	own, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	r, _ := deaf(t)
	r.slot.Reach = func(docker.Container, state.Release) (Reachable, error) {
		return carry.NewTarget(map[string][]netip.AddrPort{"8080": {own.Addr().(*net.TCPAddr).AddrPort()}}, "", netip.Addr{})
	}
	r.holds.Store(true)
	check := &docker.Healthcheck{Command: []string{"curl", "-f", "http://localhost:8080/"}}
	tests := []struct {
		started time.Time
		want    string
	}{
		{time.Now(), "connect: not accepted yet"},
		{time.Now().Add(-time.Minute), "the container listens on 8080 by itself and never accepted from fd 3: use mode proxy"},
	}
	for _, tt := range tests {
		answer, ok := r.nativeProbe(nil, docker.Container{Started: tt.started, Healthcheck: check})(t.Context())
		if ok || answer != tt.want {
			t.Errorf("got %q, %v; want %q", answer, ok, tt.want)
		}
	}
}

func TestAsksLocalhost(t *testing.T) {
	for command, want := range map[string]bool{
		"curl -f http://localhost:8080/": true,
		"nc -z 127.0.0.1 80":             true,
		"wget http://[::1]/":             true,
		"/app check --socket":            false,
		"pg_isready -h db":               false,
	} {
		if got := asksLocalhost(strings.Fields(command)); got != want {
			t.Errorf("%q: %v, want %v", command, got, want)
		}
	}
}

func TestAcceptPause(t *testing.T) {
	for waited, want := range map[time.Duration]time.Duration{
		0:                      10 * time.Millisecond,
		100 * time.Millisecond: 10 * time.Millisecond,
		time.Second:            50 * time.Millisecond,
		time.Hour:              acceptWait,
	} {
		if got := acceptPause(waited); got != want {
			t.Errorf("after %v: %v, want %v", waited, got, want)
		}
	}
}
