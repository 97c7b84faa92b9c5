package check

import (
	"bytes"
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
