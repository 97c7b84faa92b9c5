package check

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
)

// listening is who waits for connections in nginx's network namespace.
type listening struct {
	tcp     []tcpListener
	unix    map[string]bool // paths of listening stream sockets
	nginx   map[string]bool // inodes of the master's descriptors; nil if unreadable
	foreign bool            // nginx is in another network namespace than we are
}

type tcpListener struct {
	addr  netip.AddrPort
	inode string
}

// readListening reads /proc. Which descriptors the master holds is known to
// root only.
func (h *host) readListening() *listening {
	l := &listening{unix: map[string]bool{}}
	dir := "/proc/self"
	if h.nginx.Running {
		dir = "/proc/" + strconv.Itoa(h.nginx.Master.PID)
		ours, err1 := h.env.FS.Readlink("/proc/self/ns/net")
		theirs, err2 := h.env.FS.Readlink(dir + "/ns/net")
		l.foreign = err1 == nil && err2 == nil && ours != theirs
		l.nginx = h.socketInodes(dir)
	}
	for _, name := range []string{"tcp", "tcp6"} {
		data, err := h.env.FS.ReadFile(dir + "/net/" + name)
		if err == nil {
			l.tcp = append(l.tcp, parseProcTCP(string(data))...)
		}
	}
	if data, err := h.env.FS.ReadFile(dir + "/net/unix"); err == nil {
		parseProcUnix(string(data), l.unix)
	}
	return l
}

// socketInodes are the sockets among the descriptors of a process.
func (h *host) socketInodes(dir string) map[string]bool {
	entries, err := h.env.FS.ReadDir(dir + "/fd")
	if err != nil {
		return nil
	}
	out := map[string]bool{}
	for _, e := range entries {
		target, err := h.env.FS.Readlink(filepath.Join(dir, "fd", e.Name()))
		if inode, ok := strings.CutPrefix(target, "socket:["); err == nil && ok {
			out[strings.TrimSuffix(inode, "]")] = true
		}
	}
	return out
}

// parseProcTCP picks the listening sockets (state 0A) of /proc/net/tcp[6].
func parseProcTCP(text string) []tcpListener {
	var out []tcpListener
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 10 || f[3] != "0A" {
			continue
		}
		if addr, ok := parseProcAddr(f[1]); ok {
			out = append(out, tcpListener{addr, f[9]})
		}
	}
	return out
}

// parseProcAddr reads HEXADDR:HEXPORT; the address is printed as 32-bit words
// in host byte order, which is little-endian on what edgeman runs on.
func parseProcAddr(s string) (netip.AddrPort, bool) {
	host, port, ok := strings.Cut(s, ":")
	raw, err := hex.DecodeString(host)
	p, perr := strconv.ParseUint(port, 16, 16)
	if !ok || err != nil || perr != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(raw); i += 4 {
		raw[i], raw[i+1], raw[i+2], raw[i+3] = raw[i+3], raw[i+2], raw[i+1], raw[i]
	}
	addr, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(addr, uint16(p)), ok
}

// parseProcUnix collects the paths of listening sockets: __SO_ACCEPTCON is set
// in their flags.
func parseProcUnix(text string, into map[string]bool) {
	for line := range strings.Lines(text) {
		f := strings.SplitN(strings.TrimRight(line, "\n"), " ", 8)
		fields := strings.Fields(line)
		if len(f) < 8 || len(fields) < 8 || fields[3] != "00010000" {
			continue
		}
		if i := strings.Index(line, " /"); i >= 0 {
			into[strings.TrimRight(line[i+1:], "\n")] = true
		}
	}
}

// holders sorts who listens on an address that nginx wants: nginx itself, or
// others. A wildcard holds every address of its family, and [::] those of IPv4
// as well unless it is bound to IPv6 only, which cannot be seen; nginx's own is.
func (l *listening) holders(want netip.AddrPort) (byNginx, byOthers []tcpListener) {
	for _, t := range l.tcp {
		if t.addr.Port() != want.Port() || t.addr.Addr().Is4() != want.Addr().Is4() {
			continue
		}
		if t.addr.Addr() != want.Addr() && !t.addr.Addr().IsUnspecified() && !want.Addr().IsUnspecified() {
			continue
		}
		if l.nginx[t.inode] {
			byNginx = append(byNginx, t)
		} else {
			byOthers = append(byOthers, t)
		}
	}
	return byNginx, byOthers
}

// addresses are the TCP addresses that the configuration wants, with one place
// each. Names, ranges of ports and variables are left to nginx -t.
func (h *host) addresses() map[netip.AddrPort]*server {
	out := map[netip.AddrPort]*server{}
	for _, s := range h.servers {
		for _, l := range s.listens {
			addr, err := netip.ParseAddrPort(l.key())
			if err == nil && !l.quic && !l.udp && out[addr] == nil {
				out[addr] = s
			}
		}
	}
	return out
}

var ruleNginxPortConflict = Rule{
	Code: "nginx-port-conflict", Title: "another program holds an address that nginx wants", Worst: Critical,
	After: []string{"nginx-not-running"}, Needs: []need{needConfig, needProcess},
	What: "A configured listen address is held by another process.",
	Why:  "`nginx -t` does not notice, and a reload exits 0 and changes nothing: the old workers stay.",
	Fix:  "Stop the other program or change its address, then reload nginx.",
	look: portConflicts,
}

func portConflicts(h *host) []Finding {
	var out []Finding
	if h.listening.nginx == nil || !h.nginx.Running {
		return nil
	}
	for addr, s := range h.addresses() {
		mine, others := h.listening.holders(addr)
		if len(mine) > 0 || len(others) == 0 {
			continue
		}
		out = append(out, Finding{
			Severity: Critical, Subject: Subject{"address", addr.String()}, Sites: s.sites(), At: []Position{s.pos()},
			Message: fmt.Sprintf("nginx should listen on %s, but %s is held by another program", addr, others[0].addr),
			Hint:    fmt.Sprintf("ss -ltnp 'sport = :%d' names the program", addr.Port()),
		})
	}
	return out
}

var ruleNginxNotListening = Rule{
	Code: "nginx-not-listening", Title: "nginx does not listen where its configuration says", Worst: Critical,
	After: []string{"nginx-not-running"}, Needs: []need{needConfig, needProcess},
	What: "nginx runs, but nothing listens on an address that the configuration on disk names.",
	Why:  "Visitors of that address are refused. The usual cause is a reload that did not happen or failed.",
	Fix:  "`nginx -t && systemctl reload nginx`, then look at the error log.",
	look: notListening,
}

func notListening(h *host) []Finding {
	var out []Finding
	if h.listening.nginx == nil || len(h.listening.tcp) == 0 || !h.nginx.Running {
		return nil
	}
	for addr, s := range h.addresses() {
		mine, others := h.listening.holders(addr)
		if len(mine)+len(others) > 0 {
			continue
		}
		out = append(out, Finding{
			Severity: Critical, Subject: Subject{"address", addr.String()}, Sites: s.sites(), At: []Position{s.pos()},
			Message: fmt.Sprintf("nothing listens on %s, which the configuration names", addr), Hint: reloadHint,
		})
	}
	return out
}
