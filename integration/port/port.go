// Package port finds TCP ports for servers that tests start as other programs.
package port

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// Linux hands out 32768 and up by itself (net.ipv4.ip_local_port_range), to
// listeners on port 0 and to clients alike: a port from there that was free a
// moment ago may be anybody's by the time the program binds it.
const first, beyond = 10000, 32768

// Free returns a TCP port of loopback that nothing listens on, and that neither
// the kernel nor another call of Free, in whatever process, gives to anybody
// else before the test has ended.
func Free(t testing.TB) int {
	t.Helper()
	for range 1000 {
		n := first + rand.IntN(beyond-first)
		claim, err := take(n)
		if err != nil {
			continue
		}
		l, err := net.Listen("tcp", fmt.Sprintf(":%d", n))
		if err != nil {
			claim.Close()
			continue
		}
		l.Close()
		t.Cleanup(func() { claim.Close() })
		return n
	}
	t.Fatal("no free port of loopback in 1,000 tries")
	return 0
}

// take claims a port by an abstract name (unix(7)), which one process can hold
// at a time and which goes with it.
func take(port int) (net.Listener, error) {
	return net.Listen("unix", fmt.Sprintf("@edgeman-test-port-%d", port))
}
