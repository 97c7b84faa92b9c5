package check

import (
	"crypto/x509"
	"fmt"
	"slices"
)

var ruleTLSHandshakeFailed = Rule{
	Code: "tls-handshake-failed", Title: "a TLS server does not answer", Worst: Critical,
	After: []string{"nginx-not-running", "nginx-port-conflict", "nginx-not-listening"}, Needs: []need{needHandshake},
	What: "A handshake with this host's own nginx, for a name that it serves, fails.",
	Why:  "Visitors cannot connect. With a variable in `ssl_certificate` this is how a missing file shows, since nginx starts without it.",
	Fix:  "Look at the error log at the time of the run; the message has the reason that nginx gave.",
	look: tlsHandshakeFailed,
}

func tlsHandshakeFailed(h *host, report func(Finding)) {
	unsure, example := 0, ""
	for _, s := range h.shakes {
		if s.err == nil || s.refused() || value(s.server.block, "ssl_reject_handshake", "off") == "on" {
			continue
		}
		if s.inconclusive() {
			unsure++
			example = fmt.Sprintf("%s on %s: %v", s.subject().Name, s.listen.key(), s.err)
			continue
		}
		report(Finding{
			Severity: Critical, Subject: s.subject(), Sites: s.server.sites(), At: []Position{s.listen.pos},
			Message: fmt.Sprintf("the TLS handshake for %s on %s fails: %v", s.subject().Name, s.listen.key(), s.err),
			Hint:    "look at nginx's error log at " + stamp(h.now),
		})
	}
	if unsure > 0 {
		h.blindTo("server", "handshakes", fmt.Sprintf("%d of %d handshakes came to no verdict, such as %s", unsure, len(h.shakes), example), "")
	}
}

// owner is another server whose certificate on disk is the given one.
func (h *host) owner(leaf *x509.Certificate, not *server) *server {
	for _, c := range h.certs {
		i := slices.IndexFunc(c.servers, func(s *server) bool { return s != not })
		if i >= 0 && leaf.Equal(c.leaf()) {
			return c.servers[i]
		}
	}
	return nil
}

// expected reports whether the leaf is one of those that s has on disk; true
// also when there is nothing on disk to compare it with.
func expected(s *server, leaf *x509.Certificate) bool {
	leaves := diskLeaves(s)
	return len(leaves) == 0 || slices.ContainsFunc(leaves, leaf.Equal)
}

var ruleCertServedOther = Rule{
	Code: "cert-served-other", Title: "another site's certificate is served", Worst: Critical,
	After: []string{"nginx-not-running"}, Needs: []need{needHandshake},
	What: "Asked for a name, nginx serves the certificate of another server block.",
	Why:  "Visitors get an error page. The usual causes: the block is on disk and not loaded, the name is defined twice and nginx ignores this one, or the default server answers.",
	Fix:  "`nginx -t` shows ignored names; reload nginx if the block is new.",
	look: certServedOther,
}

func certServedOther(h *host, report func(Finding)) {
	for _, s := range h.shakes {
		for _, leaf := range s.leaves() {
			other := h.owner(leaf, s.server)
			if expected(s.server, leaf) || other == nil {
				continue
			}
			f := Finding{
				Severity: Critical, Subject: s.subject(), Sites: s.server.sites(), At: []Position{s.server.pos(), other.pos()},
				Message:  fmt.Sprintf("for %s on %s nginx serves the certificate of %s", s.subject().Name, s.listen.key(), other.label()),
				Hint:     reloadHint,
				Evidence: []fact{{"served_sha256", fingerprint(leaf)}},
			}
			if anyCertCovers([]*x509.Certificate{leaf}, s.name) {
				f.Severity = Warning // wrong, but visitors do not notice
			}
			report(f)
			break
		}
	}
}

// staleGroup are the names for which one file is not what is served.
type staleGroup struct {
	cert   *certificate
	served *x509.Certificate
	names  []string
	sites  []string
}

var ruleCertServedStale = Rule{
	Code: "cert-served-stale", Title: "nginx serves an older certificate than the one on disk", Worst: Critical,
	After: []string{"nginx-not-running"}, Needs: []need{needHandshake},
	What: "The certificate that nginx serves is not the one in the file. It is a warning at first, and critical once the served one should have been renewed.",
	Why:  "nginx reads certificates when it is reloaded. After a renewal without a reload everything looks renewed, but visitors get the old one until it expires.",
	Fix:  "`nginx -t && systemctl reload nginx`. For good: `certbot reconfigure --cert-name NAME --deploy-hook 'systemctl reload nginx'`, or an executable script in /etc/letsencrypt/renewal-hooks/deploy.",
	look: certServedStale,
}

func certServedStale(h *host, report func(Finding)) {
	var order []*staleGroup
	groups := map[*certificate]*staleGroup{}
	for _, s := range h.shakes {
		for _, leaf := range s.leaves() {
			if expected(s.server, leaf) || h.owner(leaf, s.server) != nil {
				continue
			}
			c := counterpart(s.server, leaf)
			g := groups[c]
			if g == nil {
				g = &staleGroup{cert: c, served: leaf}
				groups[c] = g
				order = append(order, g)
			}
			g.names = append(g.names, s.subject().Name)
			g.sites = appendNew(g.sites, s.server.sites()...)
		}
	}
	for _, g := range order {
		report(h.staleCertificate(g))
	}
}

// counterpart is the file that replaces the served leaf: the one with a key of
// the same kind, else the first.
func counterpart(s *server, leaf *x509.Certificate) *certificate {
	readable := filter(s.certs, func(c *certificate) bool { return c.leaf() != nil })
	same := slices.IndexFunc(readable, func(c *certificate) bool { return c.leaf().PublicKeyAlgorithm == leaf.PublicKeyAlgorithm })
	return readable[max(same, 0)]
}

func (h *host) staleCertificate(g *staleGroup) Finding {
	left := g.served.NotAfter.Sub(h.now)
	severity := Warning
	if h.opt.Settings.limits(g.served, h.renewal(g.cert.lineage), g.cert.path).judge(left) != 0 {
		severity = Critical
	}
	age := ""
	if info, err := h.env.FS.Stat(g.cert.path); err == nil {
		age = ", there for " + days(h.now.Sub(info.ModTime()))
	}
	slices.Sort(g.names)
	return Finding{
		Severity: severity, Subject: g.cert.subject(), Sites: g.sites, At: []Position{g.cert.pos},
		Message: fmt.Sprintf("nginx serves an older certificate for %s, until %s, than the file%s, which is good until %s",
			few(slices.Compact(g.names)), stamp(g.served.NotAfter), age, stamp(g.cert.leaf().NotAfter)),
		Hint: reloadHint,
		Evidence: []fact{
			{"served_sha256", fingerprint(g.served)},
			{"disk_sha256", fingerprint(g.cert.leaf())},
			{"served_not_after", stamp(g.served.NotAfter)},
			{"disk_not_after", stamp(g.cert.leaf().NotAfter)},
		},
	}
}
