package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"edgeman/deployer/state"
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
	login     login
	clock  clock
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
		login:     rootLogin(),
		clock:     hostClock(),
		kind:      kindOf,
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

// dockerConfig reads root's ~/.docker/config.json. $HOME is not trusted: under
// sudo it may be the caller's.
func dockerConfig() ([]byte, error) { return readOwned("/root/.docker/config.json") }

// readOwned reads a file that only root can have written; nil when there is none.
// People keep theirs elsewhere and put a link in its place.
func readOwned(path string) ([]byte, error) {
	path, err := state.FollowTrusted(path)
	if err == nil {
		var b []byte
		if b, err = state.ReadTrusted(path); err == nil {
			return b, nil
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return nil, err
}

// helperTimeout bounds a credential helper, which may ask a service far away.
const helperTimeout = 30 * time.Second

// runHelper runs the helper without a shell, from root's fixed search path.
func runHelper(ctx context.Context, program string, input []byte) ([]byte, error) {
	const dirs = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	for _, dir := range filepath.SplitList(dirs) {
		path := filepath.Join(dir, program)
		if fi, err := os.Stat(path); err != nil || fi.IsDir() {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, helperTimeout)
		defer cancel()
		cmd := exec.CommandContext(ctx, path, "get")
		cmd.WaitDelay = time.Second // its children may hold the output open
		cmd.Env = []string{"PATH=" + dirs, "HOME=/root"}
		cmd.Stdin = bytes.NewReader(input)
		out, err := cmd.Output()
		if ctx.Err() != nil {
			err = fmt.Errorf("%s did not end in time: %w", program, ctx.Err())
		}
		return out, err
	}
	return nil, fmt.Errorf("%s is not installed", program)
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
