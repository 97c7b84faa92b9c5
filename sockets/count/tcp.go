package count

import (
	"fmt"
	"net/netip"
	"slices"
)

// TCP counts the established connections of this process's network namespace
// that lead to one of the addresses: those of nginx to an upstream on this host.
// Each is counted once, at its client's end.
func TCP(to ...netip.AddrPort) (n int, err error) {
	err = eachTCP(own, established, func(s TCPSocket) {
		if slices.Contains(to, s.Remote) {
			n++
		}
	})
	if err != nil {
		return 0, fmt.Errorf("counting connections: %w", err)
	}
	return n, nil
}
