package check

import (
	"encoding/asn1"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
)

var ruleCertMissing = Rule{
	Code: "cert-missing", Title: "a certificate file is missing", Worst: Critical, Needs: []need{needConfig},
	What: "A file that `ssl_certificate` or `ssl_certificate_key` names is missing, is a dangling link, or holds no certificate or key.",
	Why:  "nginx keeps using what it has in memory until the next reload or reboot, and then refuses its whole configuration. With a variable in the path it starts, but fails every handshake.",
	Fix:  "Restore the file, or correct the path. If certbot owns it: `certbot certificates`.",
	look: certMissing,
}

func certMissing(h *host, report func(Finding)) {
	for _, c := range h.certs {
		for _, f := range []struct {
			path string
			err  error
		}{{c.path, c.err}, {c.keyPath, c.keyErr}} {
			if f.err == nil || f.path == "" || errors.Is(f.err, fs.ErrPermission) || errors.Is(f.err, errEncrypted) {
				continue
			}
			finding := Finding{
				Severity: Critical, Subject: Subject{"certificate", f.path}, Sites: c.sites(), At: []Position{c.pos},
				Message: fmt.Sprintf("%s: %v", f.path, plainError(f.err)), Hint: "restore the file, or correct the path at " + c.pos.String(),
			}
			if certParsed(f.err) {
				finding.Severity = Unknown // nginx may be able to read what we are not
			}
			report(finding)
		}
	}
}

// certParsed reports whether the file is there and PEM, and only its content is
// beyond us.
func certParsed(err error) bool {
	var path *fs.PathError
	return !errors.As(err, &path) && !errors.Is(err, errNoCertificate) && !errors.Is(err, errNoKey)
}

var ruleCertNameUncovered = Rule{
	Code: "cert-name-uncovered", Title: "a server name is not covered by the certificate", Worst: Critical, Needs: []need{needConfig},
	What: "None of a TLS server's certificates covers one of its names. A wildcard covers one label. Critical when no name of the server is covered, a warning when some are, a notice for an address beside names. Regular expressions cannot be judged.",
	Why:  "Visitors of that name get an error page.",
	Fix:  "`certbot --expand -d ...` with all names, or take the name off the server.",
	look: certNameUncovered,
}

func certNameUncovered(h *host, report func(Finding)) {
	for _, s := range h.servers {
		leaves := h.leavesOf(s)
		if len(leaves) == 0 || s.stream || s.refuses() {
			continue
		}
		asked := filter(s.names, func(n string) bool { return realName(n) && !strings.HasSuffix(n, ".*") })
		missing := filter(asked, func(n string) bool { return !anyCertCovers(leaves, n) })
		severity := Warning
		if len(missing) == len(asked) {
			severity = Critical
		}
		for _, n := range missing {
			severity := severity
			if net.ParseIP(n) != nil && severity == Warning {
				severity = Notice // an address beside names: few expect it to be covered
			}
			report(Finding{
				Severity: severity, Subject: Subject{"server", n}, Sites: s.sites(), At: []Position{s.pos()},
				Message:  fmt.Sprintf("%s is not covered by the certificate of its server, which is for %s", n, few(sans(leaves[0]))),
				Hint:     "have a certificate issued for all names of the server, or take the name off it",
				Evidence: []fact{{"sha256", fingerprint(leaves[0])}},
			})
		}
	}
}

var ruleCertUnused = Rule{
	Code: "cert-unused", Title: "certbot renews a certificate that nginx does not use", Worst: Notice, Needs: []need{needConfig, needLineages},
	What: "No server in the nginx configuration uses this lineage.",
	Why:  "Another program may use it. If none does, its renewal will fail one day and mail you for nothing.",
	Fix:  "`certbot delete --cert-name NAME` if nothing else uses it.",
	look: certUnused,
}

func certUnused(h *host, report func(Finding)) {
	for _, l := range h.lineages {
		if !l.used && l.err == nil {
			report(Finding{
				Severity: Notice, Subject: l.subject(),
				Message: fmt.Sprintf("nginx does not use certbot's certificate %s", l.name),
				Hint:    "certbot delete --cert-name " + l.name + ", if no other program uses it",
			})
		}
	}
}

// tlsFeature is the must-staple extension (RFC 7633).
var tlsFeature = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24}

var ruleCertMustStaple = Rule{
	Code: "cert-must-staple", Title: "a certificate demands OCSP stapling", Worst: Critical,
	What: "The certificate has the must-staple extension.",
	Why:  "OCSP is being switched off: Let's Encrypt's responders stopped on 2025-08-06. Without a stapled answer Firefox refuses the certificate.",
	Fix:  "`certbot renew --cert-name NAME --force-renewal` after removing `must_staple` from its renewal file.",
	look: certMustStaple,
}

func certMustStaple(h *host, report func(Finding)) {
	for _, p := range h.presented() {
		for _, e := range p.leaf.Extensions {
			if !e.Id.Equal(tlsFeature) {
				continue
			}
			s := Warning
			if strings.Contains(p.leaf.Issuer.String(), "Let's Encrypt") {
				s = Critical
			}
			report(p.finding(s, fmt.Sprintf("%s demands OCSP stapling, which is being switched off", p.where()), "have it issued again without must-staple"))
		}
	}
}
