package sockets

import (
	"bufio"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// States in the St column of /proc/net/unix (enum socket_state of the kernel).
const (
	procConnecting = 2 // in a listener's queue, not accepted: it has no inode
	procConnected  = 3
)

func procConnections(path string) (Count, error) {
	// thread-self, because net is per thread and this may run beside a thread
	// that is inside a container's namespace.
	f, err := os.Open("/proc/thread-self/net/unix")
	if err != nil {
		return Count{}, err
	}
	defer f.Close()
	return parseProcUnix(f, path)
}

// parseProcUnix counts in the format of /proc/net/unix, proc(5): a header,
// then Num, RefCount, Protocol, Flags, Type, St, Inode and, for a socket that
// has one, the path, which may hold spaces.
func parseProcUnix(r io.Reader, path string) (Count, error) {
	var c Count
	scan := bufio.NewScanner(r)
	for scan.Scan() {
		fields, name, ok := cutFields(scan.Text(), 7)
		if !ok || name != path {
			continue
		}
		flags, err1 := strconv.ParseUint(fields[3], 16, 32)
		typ, err2 := strconv.ParseUint(fields[4], 16, 16)
		state, err3 := strconv.ParseUint(fields[5], 16, 8)
		if err1 != nil || err2 != nil || err3 != nil {
			continue
		}
		const acceptConn = 1 << 16 // __SO_ACCEPTCON: a listener
		switch {
		case typ != unix.SOCK_STREAM || flags&acceptConn != 0:
		case state == procConnecting:
			c.Queued++
		case state == procConnected:
			c.Established++
		}
	}
	return c, scan.Err()
}

// cutFields splits the first n space-separated fields off line; the rest is
// what follows the one space after them.
func cutFields(line string, n int) (fields []string, rest string, ok bool) {
	for range n {
		line = strings.TrimLeft(line, " ")
		f, after, found := strings.Cut(line, " ")
		if !found {
			return nil, "", false
		}
		fields, line = append(fields, f), after
	}
	return fields, line, true
}
