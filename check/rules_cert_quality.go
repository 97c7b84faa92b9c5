package check

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/asn1"
	"fmt"
	"strings"
	"time"
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
			return p.finding(Warning, fmt.Sprintf("%s is out of order: the issuer of %s is in position %d, not %d", p.where(), label(current), i+1, next+1), "put the leaf first, and each issuer right after what it issued"), true
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
			return p.finding(Warning, fmt.Sprintf("%s holds the certificate of %s twice", p.where(), label(c)), "remove the copy"), true
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
				report(p.finding(Critical, fmt.Sprintf("%s is signed with %s (%s)", p.where(), c.SignatureAlgorithm, label(c)), "have it issued again"))
				break
			}
		}
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

// lifetimeLimits are the CA/Browser Forum's steps (ballot SC-081v3).
var lifetimeLimits = []struct {
	from time.Time
	days int
}{
	{time.Date(2029, 3, 15, 0, 0, 0, 0, time.UTC), 47},
	{time.Date(2027, 3, 15, 0, 0, 0, 0, time.UTC), 100},
	{time.Date(2026, 3, 15, 0, 0, 0, 0, time.UTC), 200},
}

var ruleCertLifetimeUnusual = Rule{
	Code: "cert-lifetime-unusual", Title: "a public certificate is valid for longer than browsers accept", Worst: Warning, Needs: []need{needHandshake},
	What: "A certificate that leads to a public root is valid for more than 200 days (issued since 2026-03-15), 100 (2027-03-15) or 47 (2029-03-15).",
	Why:  "Browsers refuse it.",
	Fix:  "Have a shorter one issued.",
	look: certLifetime,
}

func certLifetime(h *host, report func(Finding)) {
	for _, p := range h.presented() {
		limit := lifetimeLimit(p.leaf.NotBefore)
		if limit == 0 || lifetime(p.leaf) <= limit+time.Second || h.roots == nil || h.distrust(p) != nil {
			continue
		}
		report(p.finding(Warning,
			fmt.Sprintf("%s is valid for %s; browsers accept %s", p.where(), days(lifetime(p.leaf)), days(limit)), "have a shorter one issued"))
	}
}

func lifetimeLimit(issued time.Time) time.Duration {
	for _, l := range lifetimeLimits {
		if !issued.Before(l.from) {
			return time.Duration(l.days) * day
		}
	}
	return 0
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
