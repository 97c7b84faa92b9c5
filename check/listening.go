package check

import (
	"bytes"
	"fmt"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"

	"edgeman/sockets/count"
)

// listening is who waits for connections in nginx's network namespace.
type listening struct {
	tcp     []count.TCPSocket
	unix    map[string]bool // paths of listening stream sockets
	nginx   map[string]bool // inodes of the master's descriptors; nil if unreadable
	foreign bool            // nginx is in another network namespace than we are
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
			_ = count.ReadTCP(bytes.NewReader(data), count.Listen, func(s count.TCPSocket) { l.tcp = append(l.tcp, s) })
		}
	}
	if data, err := h.env.FS.ReadFile(dir + "/net/unix"); err == nil {
		_ = count.ReadUnix(bytes.NewReader(data), func(s count.UnixSocket) {
			if s.Listening {
				l.unix[s.Path] = true
			}
		})
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

// holders sorts who listens on an address that nginx wants: nginx itself, or
// others. A wildcard holds every address of its family, and [::] those of IPv4
// as well unless it is bound to IPv6 only, which cannot be seen; nginx's own is.
func (l *listening) holders(want netip.AddrPort) (byNginx, byOthers []count.TCPSocket) {
	addr := want.Addr().Unmap()
	for _, t := range l.tcp {
		has := t.Local.Addr()
		if t.Local.Port() != want.Port() || has.Is4() != addr.Is4() {
			continue
		}
		if has != addr && !has.IsUnspecified() && !addr.IsUnspecified() {
			continue
		}
		if l.nginx[t.Inode] {
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
			Message: fmt.Sprintf("nginx should listen on %s, but %s is held by another program", addr, others[0].Local),
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
