package check

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
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

var ruleCertKeyMismatch = Rule{
	Code: "cert-key-mismatch", Title: "key and certificate do not belong together", Worst: Critical, Needs: []need{needConfig},
	What: "The public key in the certificate does not match the key file beside it.",
	Why:  "nginx refuses the configuration at the next reload or start.",
	Fix:  "Point `ssl_certificate_key` at the key that the certificate was issued for; both come from the same renewal.",
	look: certKeyMismatch,
}

func certKeyMismatch(h *host, report func(Finding)) {
	for _, c := range h.certs {
		if c.leaf() == nil || c.key == nil || equalKeys(c.leaf().PublicKey, c.key) {
			continue
		}
		report(Finding{
			Severity: Critical, Subject: c.subject(), Sites: c.sites(), At: []Position{c.pos},
			Message: fmt.Sprintf("the key %s does not belong to the certificate %s", c.keyPath, c.path),
			Hint:    "set ssl_certificate_key to the key from the same issuance, then " + reloadHint,
		})
	}
}

var ruleCertWeakKey = Rule{
	Code: "cert-weak-key", Title: "a certificate's key is too weak or too unusual", Worst: Warning,
	What: "RSA below 2048 bits, or an elliptic curve that is neither P-256 nor P-384.",
	Why:  "Clients refuse short keys, and many do not know other curves.",
	Fix:  "`certbot renew --cert-name NAME --key-type ecdsa --force-renewal`",
	look: certWeakKey,
}

func certWeakKey(h *host, report func(Finding)) {
	for _, p := range h.presented() {
		if why := weakKey(p.leaf.PublicKey); why != "" {
			report(p.finding(Warning, fmt.Sprintf("%s has %s", p.where(), why), "have it issued again with an ECDSA P-256 or RSA 2048 key"))
		}
	}
}

func weakKey(key any) string {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < 2048 {
			return fmt.Sprintf("an RSA key of %d bits", bits)
		}
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() && k.Curve != elliptic.P384() {
			return "a key on the curve " + k.Curve.Params().Name
		}
	}
	return ""
}
