package check

import (
	"fmt"
	"io/fs"
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
	if mode&0o004 != 0 && h.reachable(path, everybody) {
		return Critical, fmt.Sprintf("can be read by everybody (mode %04o)", mode)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, ""
	}
	if st.Uid != 0 && int(st.Uid) != h.env.Euid {
		return Warning, fmt.Sprintf("belongs to uid %d, not to root", st.Uid)
	}
	if mode&0o040 != 0 && st.Gid != 0 && h.reachable(path, members(st.Gid)) && !sslGroup(st.Gid) {
		return Warning, fmt.Sprintf("can be read by group %d (mode %04o)", st.Gid, mode)
	}
	dir := filepath.Dir(path)
	if d, err := h.env.FS.Stat(dir); err == nil && d.Mode().Perm()&0o002 != 0 {
		return Warning, fmt.Sprintf("is in %s, which everybody can write to", dir)
	}
	return 0, ""
}

// reachable reports whether those who may enter a directory can walk to the path.
func (h *host) reachable(path string, enter func(fs.FileInfo) bool) bool {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		info, err := h.env.FS.Stat(dir)
		if err != nil || !enter(info) {
			return false
		}
		if dir == "/" || dir == "." {
			return true
		}
	}
}

// everybody may enter a directory whose mode says so.
func everybody(dir fs.FileInfo) bool { return dir.Mode().Perm()&0o001 != 0 }

// members of a group may enter what is the group's as well.
func members(gid uint32) func(fs.FileInfo) bool {
	return func(dir fs.FileInfo) bool {
		st, ok := dir.Sys().(*syscall.Stat_t)
		return everybody(dir) || ok && st.Gid == gid && dir.Mode().Perm()&0o010 != 0
	}
}

// sslGroup is Debian's group for programs that are meant to read keys.
func sslGroup(gid uint32) bool {
	g, err := user.LookupGroup("ssl-cert")
	return err == nil && g.Gid == fmt.Sprint(gid)
}
