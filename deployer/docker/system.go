package docker

import (
	"fmt"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"edgeman/deployer/docker/definition"
	"edgeman/deployer/docker/layer"
	"edgeman/deployer/docker/registry"
	"edgeman/sockets"
	"edgeman/sockets/count"
)

// system is everything this package asks of the host besides the daemon.
type system struct {
	// addresses are the host's own, loopback included.
	addresses func() ([]netip.Addr, error)
	// listeners are those of a process's network namespace; 0 is the host's own.
	listeners func(pid int) ([]count.TCPListener, error)
	// listening are the addresses that somebody listens at in the namespace at a path.
	listening func(netns string) ([]netip.AddrPort, error)
	hostname  func() (string, error)
	login     registry.Login
	clock     layer.Clock
	// kind is what a path of the host leads to: "file", "directory", …; empty
	// when there is nothing.
	kind func(path string) (string, error)
	// kill sends SIGKILL to pid, if confirm still holds once pid is pinned.
	kill func(pid int, confirm func() bool) error
}

func hostSystem() system {
	return system{
		addresses: hostAddresses,
		listeners: count.TCPListeners,
		listening: sockets.Listening,
		hostname:  os.Hostname,
		login:     registry.RootLogin(),
		clock:     layer.HostClock(),
		kind:      definition.SourceKind,
		kill:      killPinned,
	}
}

func hostAddresses() ([]netip.Addr, error) {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("list the host's addresses: %w", err)
	}
	var out []netip.Addr
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok {
				out = append(out, ip.Unmap())
			}
		}
	}
	return out, nil
}

// killPinned opens a pidfd first, so that the process cannot be replaced by
// another with the same number between the question and the signal.
func killPinned(pid int, confirm func() bool) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return fmt.Errorf("open process %d: %w", pid, err)
	}
	defer unix.Close(fd)
	if !confirm() {
		return nil
	}
	return unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
}
