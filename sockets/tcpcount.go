package sockets

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// procEstablished is TCP_ESTABLISHED in the st column of /proc/net/tcp
// (include/net/tcp_states.h).
const procEstablished = "01"

// TCPConnections counts the established connections of this process's network
// namespace that lead to one of the addresses: those of nginx to an upstream on
// this host. Each is counted once, at its client's end.
func TCPConnections(to ...netip.AddrPort) (int, error) {
	count := 0
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.Open(table)
		if errors.Is(err, fs.ErrNotExist) { // a kernel without IPv6
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("counting connections: %w", err)
		}
		n, err := countTCP(f, to)
		f.Close()
		if err != nil {
			return 0, fmt.Errorf("counting connections: %s: %w", table, err)
		}
		count += n
	}
	return count, nil
}

func countTCP(table io.Reader, to []netip.AddrPort) (int, error) {
	count := 0
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || fields[3] != procEstablished {
			continue
		}
		remote, ok := parseTCPAddr(fields[2])
		if ok && slices.Contains(to, remote) {
			count++
		}
	}
	return count, lines.Err()
}

// parseTCPAddr reads an address as the kernel prints it: the address as 32-bit
// words in host byte order (little-endian here), the port as a number.
func parseTCPAddr(s string) (netip.AddrPort, bool) {
	host, port, ok := strings.Cut(s, ":")
	raw, err := hex.DecodeString(host)
	portBytes, portErr := hex.DecodeString(port)
	if !ok || err != nil || portErr != nil || len(portBytes) != 2 || len(raw)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(raw); i += 4 {
		slices.Reverse(raw[i : i+4])
	}
	addr, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(addr.Unmap(), uint16(portBytes[0])<<8|uint16(portBytes[1])), ok
}
