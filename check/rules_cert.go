package check

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"time"
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
			if parsed(f.err) {
				finding.Severity = Unknown // nginx may be able to read what we are not
			}
			report(finding)
		}
	}
}

// parsed reports whether the file is there and PEM, and only its content is
// beyond us.
func parsed(err error) bool {
	var path *fs.PathError
	return !errors.As(err, &path) && !errors.Is(err, errNoCertificate) && !errors.Is(err, errNoKey)
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

var ruleCertExpired = Rule{
	Code: "cert-expired", Title: "a certificate has expired", Worst: Critical,
	What: "The certificate on disk, or the one that is served, is past its last day.",
	Why:  "Every visitor gets an error page.",
	Fix:  "Renew it (`certbot renew --cert-name NAME`), then reload nginx. If only the one that is served has expired, a reload is enough.",
	look: certExpired,
}

func certExpired(h *host, report func(Finding)) {
	for _, p := range h.presented() {
		if left := p.leaf.NotAfter.Sub(h.now); left < 0 {
			report(p.finding(Critical,
				fmt.Sprintf("%s expired %s ago (%s)", p.where(), days(left), stamp(p.leaf.NotAfter)), p.renewHint()))
		}
	}
}

var ruleCertExpiring = Rule{
	Code: "cert-expiring", Title: "a certificate should have been renewed by now", Worst: Critical,
	What: "Less time is left than automatic renewal leaves when it works. The limit follows the certificate's lifetime: renewal is due at a third of it (half below ten days, 30 days for certbot older than 4.0, `renew_before_expiry` if set, 30 days if nobody automates it; never more than half the lifetime). Below 0.7 of that time it is a warning, below 0.35 critical. The same holds for each intermediate in the file.",
	Why:  "Lifetimes shrink: 200 days, then 100, then 47; some are 6 days. A fixed number of days is either noise or too late.",
	Fix:  "Find out why renewal did not happen: `certbot renew --cert-name NAME --dry-run`, `journalctl -u certbot`. The factors and absolute days for single certificates are set in edgeman.toml.",
	look: certExpiring,
}

func certExpiring(h *host, report func(Finding)) {
	for _, p := range h.presented() {
		if !p.stale {
			h.expiring(p, report)
			h.expiringIssuer(p, report)
		}
	}
}

func (h *host) expiring(p presented, report func(Finding)) {
	left := p.leaf.NotAfter.Sub(h.now)
	s := h.opt.Settings.limits(p.leaf, p.by, append([]string{p.subject.Name}, p.sites...)...).judge(left)
	if left < 0 || s == 0 {
		return
	}
	late := p.by.window(lifetime(p.leaf)) - left
	f := p.finding(s, fmt.Sprintf("%s expires in %s (%s); renewal was due %s ago", p.where(), days(left), stamp(p.leaf.NotAfter), days(late)), p.renewHint())
	f.Evidence = append(f.Evidence, fact{"renewal_due", stamp(p.leaf.NotAfter.Add(-p.by.window(lifetime(p.leaf))))})
	report(f)
}

// expiringIssuer looks at the intermediates on the way to the root: the chain
// ends when the first of them does, however long the leaf goes on.
func (h *host) expiringIssuer(p presented, report func(Finding)) {
	for _, c := range p.chain[1:] {
		left := c.NotAfter.Sub(h.now)
		s := h.opt.Settings.limits(c, renewal{}).judge(left)
		if left < 0 || s == 0 || selfSigned(c) || !c.NotAfter.Before(p.leaf.NotAfter) {
			continue
		}
		f := p.finding(s, fmt.Sprintf("the intermediate %s in %s expires in %s, before the certificate itself", c.Subject, p.where(), days(left)), p.renewHint())
		f.Subject.Name += " intermediate"
		report(f)
		return
	}
}

var ruleCertNotYetValid = Rule{
	Code: "cert-not-yet-valid", Title: "a certificate is not valid yet", Worst: Critical,
	What: "The certificate's first day is in the future.",
	Why:  "Every visitor gets an error page. If it is off by less than an hour, this host's clock is the likelier culprit.",
	Fix:  "`timedatectl` shows whether the clock is right; otherwise install the certificate that is valid now.",
	look: certNotYetValid,
}

func certNotYetValid(h *host, report func(Finding)) {
	for _, p := range h.presented() {
		wait := p.leaf.NotBefore.Sub(h.now)
		if wait <= 0 {
			continue
		}
		hint := "install the certificate that is valid now"
		if wait < time.Hour {
			hint = "timedatectl; the clock of this host may be slow"
		}
		report(p.finding(Critical,
			fmt.Sprintf("%s only becomes valid in %s (%s)", p.where(), days(wait), stamp(p.leaf.NotBefore)), hint))
	}
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
		missing := filter(asked, func(n string) bool { return !anyCovers(leaves, n) })
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
