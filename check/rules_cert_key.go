package check

import (
	"fmt"
	"os/user"
	"path/filepath"
	"syscall"
)

var ruleCertKeyReadable = Rule{
	Code: "cert-key-readable", Title: "others can read or replace a private key", Worst: Critical, Needs: []need{needConfig},
	What: "A private key is readable by everybody (critical) or by a group other than ssl-cert, does not belong to root, or lies in a directory that others can write to (warning). A key behind a directory that others cannot enter is not readable by them.",
	Why:  "Whoever has the key can pose as the site.",
	Fix:  "`chown root:root KEY; chmod 0600 KEY`. If others could read it for long, have a new one issued.",
	look: certKeyReadable,
}

func certKeyReadable(h *host, report func(Finding)) {
	seen := map[string]bool{}
	for _, c := range h.certs {
		if c.keyPath == "" || seen[c.keyPath] {
			continue
		}
		seen[c.keyPath] = true
		if s, why := h.keyExposure(h.resolved(c.keyPath)); s != 0 {
			report(Finding{
				Severity: s, Subject: Subject{"file", c.keyPath}, Sites: c.sites(), At: []Position{c.pos},
				Message: fmt.Sprintf("the private key %s %s", c.keyPath, why),
				Hint:    fmt.Sprintf("chown root:root %s; chmod 0600 %s", h.resolved(c.keyPath), h.resolved(c.keyPath)),
			})
		}
	}
}

// keyExposure says who but root can read the key or put another in its place.
func (h *host) keyExposure(path string) (Severity, string) {
	info, err := h.env.FS.Stat(path)
	if err != nil {
		return 0, ""
	}
	mode := info.Mode().Perm()
	if mode&0o004 != 0 && h.reachable(path) {
		return Critical, fmt.Sprintf("can be read by everybody (mode %04o)", mode)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, ""
	}
	if st.Uid != 0 && int(st.Uid) != h.env.Euid {
		return Warning, fmt.Sprintf("belongs to uid %d, not to root", st.Uid)
	}
	if mode&0o040 != 0 && st.Gid != 0 && h.reachableByGroup(path, st.Gid) && !sslGroup(st.Gid) {
		return Warning, fmt.Sprintf("can be read by group %d (mode %04o)", st.Gid, mode)
	}
	dir := filepath.Dir(path)
	if d, err := h.env.FS.Stat(dir); err == nil && d.Mode().Perm()&0o002 != 0 {
		return Warning, fmt.Sprintf("is in %s, which everybody can write to", dir)
	}
	return 0, ""
}

// reachable reports whether everybody can walk to the path.
func (h *host) reachable(path string) bool {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		info, err := h.env.FS.Stat(dir)
		if err != nil || info.Mode().Perm()&0o001 == 0 {
			return false
		}
		if dir == "/" || dir == "." {
			return true
		}
	}
}

// reachableByGroup reports whether members of the group can walk to the path.
func (h *host) reachableByGroup(path string, gid uint32) bool {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		info, err := h.env.FS.Stat(dir)
		if err != nil {
			return false
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		mine := ok && st.Gid == gid && info.Mode().Perm()&0o010 != 0
		if !mine && info.Mode().Perm()&0o001 == 0 {
			return false
		}
		if dir == "/" || dir == "." {
			return true
		}
	}
}

// sslGroup is Debian's group for programs that are meant to read keys.
func sslGroup(gid uint32) bool {
	g, err := user.LookupGroup("ssl-cert")
	return err == nil && g.Gid == fmt.Sprint(gid)
}
