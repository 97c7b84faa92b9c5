package sockets

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

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

// procListen is TCP_LISTEN in the st column of /proc/net/tcp.
const procListen = "0A"

// TCPListeners lists the listening TCP sockets of the network namespace that the
// process pid lives in; 0 is this process.
func TCPListeners(pid int) ([]TCPListener, error) { return tcpListeners("/proc", pid) }

func tcpListeners(proc string, pid int) ([]TCPListener, error) {
	of := "self"
	if pid != 0 {
		of = strconv.Itoa(pid)
	}
	var all []TCPListener
	at := map[string]int{} // by inode: place in all
	for _, table := range []string{"tcp", "tcp6"} {
		f, err := os.Open(filepath.Join(proc, of, "net", table))
		if errors.Is(err, fs.ErrNotExist) && table == "tcp6" { // a kernel without IPv6
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("listing listeners: %w", err)
		}
		err = readListeners(f, func(inode string, addr netip.AddrPort) {
			at[inode] = len(all)
			all = append(all, TCPListener{Addr: addr})
		})
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("listing listeners: %s: %w", f.Name(), err)
		}
	}
	eachSocket(proc, func(pid, inode string) {
		if i, ok := at[inode]; ok {
			all[i].hold(proc, pid)
		}
	})
	return all, nil
}

// Listening lists the addresses at which somebody listens for TCP in the network
// namespace at the path netns.
func Listening(netns string) ([]netip.AddrPort, error) {
	ns, err := unix.Open(netns, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening the network namespace %s: %w", netns, err)
	}
	defer unix.Close(ns)
	var all []netip.AddrPort
	err = inNetns(ns, func() error {
		for _, table := range []string{"tcp", "tcp6"} {
			data, err := os.ReadFile("/proc/thread-self/net/" + table)
			if err != nil && !(table == "tcp6" && errors.Is(err, fs.ErrNotExist)) {
				return err
			}
			if err := readListeners(bytes.NewReader(data), func(_ string, a netip.AddrPort) { all = append(all, a) }); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing listeners: %w", err)
	}
	return all, nil
}

func readListeners(table io.Reader, each func(inode string, addr netip.AddrPort)) error {
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 10 || fields[3] != procListen {
			continue
		}
		if addr, ok := parseTCPAddr(fields[1]); ok {
			each(fields[9], addr)
		}
	}
	return lines.Err()
}

// eachSocket calls each for every descriptor of a socket that a process holds.
// Processes come and go meanwhile, and what cannot be read is passed over.
func eachSocket(proc string, each func(pid, inode string)) {
	processes, _ := os.ReadDir(proc)
	for _, p := range processes {
		if _, err := strconv.Atoi(p.Name()); err != nil {
			continue
		}
		dir := filepath.Join(proc, p.Name(), "fd")
		descriptors, _ := os.ReadDir(dir)
		for _, d := range descriptors {
			to, err := os.Readlink(filepath.Join(dir, d.Name()))
			if inode, ok := strings.CutPrefix(to, "socket:["); ok && err == nil {
				each(p.Name(), strings.TrimSuffix(inode, "]"))
			}
		}
	}
}

func (l *TCPListener) hold(proc, pid string) {
	n, err := strconv.Atoi(pid)
	if err != nil || len(l.Holders) > 0 && l.Holders[len(l.Holders)-1].PID == n { // by two descriptors
		return
	}
	read := func(name string) string {
		data, _ := os.ReadFile(filepath.Join(proc, pid, name))
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
