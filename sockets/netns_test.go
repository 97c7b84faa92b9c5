package sockets

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// testNetns is a network namespace as Docker makes them: with an interface and
// addresses of its own, mounted at a path.
type testNetns struct {
	path string
	name string
}

var (
	containerAddr  = netip.MustParseAddr("10.99.7.2")
	containerAddr6 = netip.MustParseAddr("fd00:99:7::2")
)

func newNetns(t testing.TB) *testNetns {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("NOT TESTED: making network namespaces needs root")
	}
	name := fmt.Sprintf("edgeman-test-%d-%d", os.Getpid(), netnsCount)
	netnsCount++
	ip(t, "netns", "add", name)
	t.Cleanup(func() { ip(t, "netns", "del", name) })
	ip(t, "-n", name, "link", "add", "eth0", "type", "veth", "peer", "name", "eth1")
	ip(t, "-n", name, "link", "set", "eth1", "up")
	ip(t, "-n", name, "link", "set", "eth0", "up")
	ip(t, "-n", name, "addr", "add", containerAddr.String()+"/24", "dev", "eth0")
	ip(t, "-n", name, "addr", "add", containerAddr6.String()+"/64", "dev", "eth0", "nodad")
	// The kernel makes the route to an IPv6 address of its own after it has
	// answered, and a connection begun before that looks for it on the wire.
	waitFor(t, func() bool {
		out, err := exec.Command("ip", "-n", name, "route", "get", containerAddr6.String()).Output()
		return err == nil && strings.HasPrefix(string(out), "local")
	})
	return &testNetns{path: "/run/netns/" + name, name: name}
}

var netnsCount int

func ip(t testing.TB, args ...string) string {
	t.Helper()
	out, err := exec.Command("ip", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("ip %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// do runs f inside the namespace.
func (n *testNetns) do(t testing.TB, f func() error) {
	t.Helper()
	ns, err := os.Open(n.path)
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	if err := inNetns(int(ns.Fd()), f); err != nil {
		t.Fatal(err)
	}
}

// listen is the app: it listens on addr inside the namespace.
func (n *testNetns) listen(t testing.TB, addr netip.Addr) (*net.TCPListener, netip.AddrPort) {
	t.Helper()
	var l *net.TCPListener
	// The net package makes the socket in this goroutine, on this thread.
	n.do(t, func() (err error) {
		l, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(addr, 0)))
		return err
	})
	t.Cleanup(func() { l.Close() })
	return l, l.Addr().(*net.TCPAddr).AddrPort()
}

func ownNetnsInode(t testing.TB) uint64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat("/proc/thread-self/ns/net", &st); err != nil {
		t.Fatal(err)
	}
	return st.Ino
}

func TestListening(t *testing.T) {
	n := newNetns(t)
	_, inside := n.listen(t, containerAddr)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	outside := l.Addr().(*net.TCPAddr).AddrPort()
	for path, want := range map[string]netip.AddrPort{n.path: inside, "/proc/self/ns/net": outside} {
		all, err := Listening(path)
		if err != nil || !slices.Contains(all, want) || slices.Contains(all, inside) && slices.Contains(all, outside) {
			t.Errorf("%s: %v, %v; want %v", path, all, err, want)
		}
	}
}
