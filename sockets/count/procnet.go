package count

import (
	"bufio"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// own is the directory of the thread that reads it, and not of the process: which
// network is below it is a thread's own, and another may be in a container's.
const own = "/proc/thread-self"

// The st column of /proc/net/tcp (include/net/tcp_states.h).
const (
	established = "01"
	Listen      = "0A"
)

// TCPSocket is a row of /proc/net/tcp or tcp6. An IPv4 address in the latter is
// one of IPv4 here.
type TCPSocket struct {
	Local, Remote netip.AddrPort
	Inode         string
}

// ReadTCP calls each for every socket in such a table that is in the state.
func ReadTCP(table io.Reader, state string, each func(TCPSocket)) error {
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 10 || fields[3] != state {
			continue
		}
		local, ok1 := parseAddr(fields[1])
		remote, ok2 := parseAddr(fields[2])
		if ok1 && ok2 {
			each(TCPSocket{Local: local, Remote: remote, Inode: fields[9]})
		}
	}
	return lines.Err()
}

// eachTCP reads both tables of the network that process, a directory in /proc, is in.
func eachTCP(process, state string, each func(TCPSocket)) error {
	for _, table := range []string{"tcp", "tcp6"} {
		f, err := os.Open(filepath.Join(process, "net", table))
		if errors.Is(err, fs.ErrNotExist) && table == "tcp6" { // a kernel without IPv6
			continue
		}
		if err != nil {
			return err
		}
		err = ReadTCP(f, state, each)
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// parseAddr reads an address as the kernel prints it: the address as 32-bit
// words in host byte order (little-endian here), the port as a number.
func parseAddr(s string) (netip.AddrPort, bool) {
	host, port, ok := strings.Cut(s, ":")
	raw, err := hex.DecodeString(host)
	n, portErr := strconv.ParseUint(port, 16, 16)
	if !ok || err != nil || portErr != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for word := range slices.Chunk(raw, 4) {
		slices.Reverse(word)
	}
	addr, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(addr.Unmap(), uint16(n)), ok
}

// UnixSocket is a row of /proc/net/unix: a stream socket bound to a path, or one
// of its connections.
type UnixSocket struct {
	Path                         string
	Listening, Connected, Queued bool
}

// ReadUnix calls each for every stream socket with a path in the format of
// /proc/net/unix, proc(5): a header, then Num, RefCount, Protocol, Flags, Type,
// St, Inode and, for a socket that has one, the path, which may hold spaces.
func ReadUnix(table io.Reader, each func(UnixSocket)) error {
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		fields, path, ok := cutFields(lines.Text(), 7)
		if !ok {
			continue
		}
		flags, err1 := strconv.ParseUint(fields[3], 16, 32)
		typ, err2 := strconv.ParseUint(fields[4], 16, 16)
		state, err3 := strconv.ParseUint(fields[5], 16, 8)
		if err1 != nil || err2 != nil || err3 != nil || typ != unix.SOCK_STREAM {
			continue
		}
		// __SO_ACCEPTCON, and enum socket_state of the kernel: what is in a listener's
		// queue is connecting.
		const acceptConn, connecting, connected = 1 << 16, 2, 3
		s := UnixSocket{Path: path, Listening: flags&acceptConn != 0}
		s.Queued = !s.Listening && state == connecting
		s.Connected = !s.Listening && state == connected
		each(s)
	}
	return lines.Err()
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
