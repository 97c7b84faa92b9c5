package count

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
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

// TCPListener is a listening TCP socket and who holds it.
type TCPListener struct {
	Addr    netip.AddrPort
	Holders []Holder // those that could be seen
}

// Holder is a process that has a descriptor of a socket.
type Holder struct {
	PID     int
	Name    string // as the kernel cuts it, 15 bytes at most
	Command string // its arguments, separated by zero bytes
	Cgroup  string // the whole of /proc/PID/cgroup
}

// TCPListeners lists the listening TCP sockets of the network namespace that the
// process pid lives in; 0 is this process.
func TCPListeners(pid int) ([]TCPListener, error) {
	process := own
	if pid != 0 {
		process = filepath.Join("/proc", strconv.Itoa(pid))
	}
	var all []TCPListener
	at := map[string]int{} // by inode: place in all
	err := eachTCP(process, Listen, func(s TCPSocket) {
		at[s.Inode] = len(all)
		all = append(all, TCPListener{Addr: s.Local})
	})
	if err != nil {
		return nil, fmt.Errorf("listing listeners: %w", err)
	}
	eachSocket(func(pid, inode string) {
		if i, ok := at[inode]; ok {
			all[i].hold(pid)
		}
	})
	return all, nil
}

// Listening lists the addresses at which somebody listens for TCP in the network
// namespace that this thread is in.
func Listening() (all []netip.AddrPort, err error) {
	err = eachTCP(own, Listen, func(s TCPSocket) { all = append(all, s.Local) })
	if err != nil {
		return nil, fmt.Errorf("listing listeners: %w", err)
	}
	return all, nil
}

// eachSocket calls each for every descriptor of a socket that a process holds.
// Processes come and go meanwhile, and what cannot be read is passed over.
func eachSocket(each func(pid, inode string)) {
	processes, _ := os.ReadDir("/proc")
	for _, p := range processes {
		if _, err := strconv.Atoi(p.Name()); err != nil {
			continue
		}
		dir := filepath.Join("/proc", p.Name(), "fd")
		descriptors, _ := os.ReadDir(dir)
		for _, d := range descriptors {
			to, err := os.Readlink(filepath.Join(dir, d.Name()))
			if inode, ok := strings.CutPrefix(to, "socket:["); ok && err == nil {
				each(p.Name(), strings.TrimSuffix(inode, "]"))
			}
		}
	}
}

func (l *TCPListener) hold(pid string) {
	n, err := strconv.Atoi(pid)
	if err != nil || len(l.Holders) > 0 && l.Holders[len(l.Holders)-1].PID == n { // by two descriptors
		return
	}
	read := func(name string) string {
		data, _ := os.ReadFile(filepath.Join("/proc", pid, name))
		return strings.TrimSpace(string(data))
	}
	l.Holders = append(l.Holders, Holder{PID: n, Name: read("comm"), Command: read("cmdline"), Cgroup: read("cgroup")})
}

// Reaches tells whether a connection to at arrives at the listener. One for every
// IPv6 address takes IPv4 as well unless it was told not to, which the kernel's
// table does not say.
func (l TCPListener) Reaches(at netip.AddrPort) bool {
	ip, own := at.Addr().Unmap().WithZone(""), l.Addr.Addr()
	switch {
	case l.Addr.Port() != at.Port():
		return false
	case own == netip.IPv4Unspecified():
		return ip.Is4()
	}
	return own == netip.IPv6Unspecified() || own == ip
}
