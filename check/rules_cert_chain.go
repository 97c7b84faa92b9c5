package check

import (
	"fmt"
	"slices"
	"strings"
)

var ruleCertChainIncomplete = Rule{
	Code: "cert-chain-incomplete", Title: "an intermediate certificate is missing or out of order", Worst: Critical, Needs: []need{needConfig},
	What: "The file does not lead from the leaf to a trusted root: the issuer's certificate is missing (critical), has expired (critical), comes in the wrong order or twice (warning), or the root itself is included (notice).",
	Why:  "Browsers often make up for it from a cache, but curl, other servers and phones do not, so it looks fine to whoever set it up.",
	Fix:  "Serve the full chain, leaf first: with certbot that is `fullchain.pem`, not `cert.pem`.",
	look: certChain,
}

func certChain(h *host, report func(Finding)) {
	for _, p := range h.presented() {
		if f, ok := h.chainFault(p); ok {
			report(f)
		}
	}
}

// chainFault walks from the leaf towards a root and reports the first fault.
func (h *host) chainFault(p presented) (Finding, bool) {
	current, next := p.leaf, 1
	for range p.chain {
		if selfSigned(current) {
			if current != p.leaf && h.known(current) {
				return p.finding(Notice, fmt.Sprintf("%s includes the root %s, which clients already have", p.where(), current.Subject), "leave the root out"), true
			}
			break
		}
		i := issuerIn(p.chain, current)
		if i < 0 {
			if h.known(current) {
				break
			}
			return p.finding(Critical, fmt.Sprintf("%s lacks the certificate of its issuer %s", p.where(), current.Issuer), "serve the full chain, leaf first (certbot: fullchain.pem)"), true
		}
		if i != next && i < next {
			break // a cross-signed certificate twice; harmless
		}
		issuer := p.chain[i]
		if h.now.After(issuer.NotAfter) && !h.known(current) {
			return p.finding(Critical, fmt.Sprintf("the intermediate %s in %s expired on %s", issuer.Subject, p.where(), stamp(issuer.NotAfter)), p.renewHint()), true
		}
		if i != next {
			return p.finding(Warning, fmt.Sprintf("%s is out of order: the issuer of %s is in position %d, not %d", p.where(), certLabel(current), i+1, next+1), "put the leaf first, and each issuer right after what it issued"), true
		}
		current, next = issuer, next+1
	}
	return h.extraCertificate(p)
}

// extraCertificate finds a certificate that is in the file twice.
func (h *host) extraCertificate(p presented) (Finding, bool) {
	seen := map[string]bool{}
	for _, c := range p.chain {
		if seen[fingerprint(c)] {
			return p.finding(Warning, fmt.Sprintf("%s holds the certificate of %s twice", p.where(), certLabel(c)), "remove the copy"), true
		}
		seen[fingerprint(c)] = true
	}
	return Finding{}, false
}

var ruleCertWeakSignature = Rule{
	Code: "cert-weak-signature", Title: "a certificate is signed with SHA-1 or MD5", Worst: Critical,
	What: "The leaf or an intermediate carries a signature that clients have refused for years. A root's own signature does not count.",
	Why:  "Visitors get an error page.",
	Fix:  "Have the certificate issued again.",
	look: certWeakSignature,
}

func certWeakSignature(h *host, report func(Finding)) {
	for _, p := range h.presented() {
		for i, c := range p.chain {
			if weakSignature(c.SignatureAlgorithm) && (i == 0 || !selfSigned(c)) {
				report(p.finding(Critical, fmt.Sprintf("%s is signed with %s (%s)", p.where(), c.SignatureAlgorithm, certLabel(c)), "have it issued again"))
				break
			}
		}
	}
}

var ruleCertUntrusted = Rule{
	Code: "cert-untrusted", Title: "a certificate does not lead to a trusted root", Worst: Critical,
	After: []string{},
	What:  "The certificate is self-signed, comes from a staging issuer or from a private authority. Add private authorities to `trusted_ca` in edgeman.toml. It is a warning for names listed as `internal` there, and a notice for a server without a name of its own.",
	Why:   "Visitors get an error page.",
	Fix:   "Have a certificate issued by a public authority, or declare the private one.",
	look:  certUntrusted,
}

func certUntrusted(h *host, report func(Finding)) {
	if h.roots == nil {
		return
	}
	for _, p := range h.presented() {
		err := h.distrust(p)
		if err == nil || weakSignature(p.leaf.SignatureAlgorithm) {
			continue
		}
		if f, ok := h.chainFault(p); ok && f.Severity == Critical && !selfSigned(p.leaf) {
			continue
		}
		severity := Critical
		switch {
		case h.nameless(p):
			severity = Notice
		case slices.ContainsFunc(p.sites, func(n string) bool { return slices.Contains(h.opt.Settings.Internal, n) }):
			severity = Warning
		}
		why := "is not signed by an authority that visitors trust: " + p.leaf.Issuer.String()
		switch {
		case selfSigned(p.leaf):
			why = "is self-signed"
		case strings.Contains(p.leaf.Issuer.String(), "(STAGING)"):
			why = "comes from a staging issuer"
		}
		report(p.finding(severity, p.where()+" "+why, "have it issued by a public authority, or list the private one as check.trusted_ca in edgeman.toml"))
	}
}
