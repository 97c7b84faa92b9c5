package check

import (
	"crypto/x509"
	"slices"
)

// presented is a leaf that visitors get or will get after a reload.
type presented struct {
	leaf    *x509.Certificate
	chain   []*x509.Certificate
	subject Subject
	sites   []string
	at      []Position
	by      renewal
	lineage *lineage
	served  bool
	stale   bool // served although there is a file, which cert-served-stale speaks of
}

// presented lists the certificates on disk, and those served that are on no
// disk: old ones still in memory, and those that nginx holds without a file.
func (h *host) presented() []presented {
	var out []presented
	onDisk := map[string]bool{}
	for _, c := range h.certs {
		if c.leaf() == nil {
			continue
		}
		onDisk[fingerprint(c.leaf())] = true
		out = append(out, presented{
			leaf: c.leaf(), chain: c.chain, subject: c.subject(), sites: c.sites(),
			at: []Position{c.pos}, by: h.renewal(c.lineage), lineage: c.lineage,
		})
	}
	for _, s := range h.shakes {
		for _, chain := range s.chains {
			if onDisk[fingerprint(chain[0])] {
				continue
			}
			onDisk[fingerprint(chain[0])] = true
			out = append(out, presented{
				leaf: chain[0], chain: chain, subject: s.subject(), sites: s.server.sites(),
				at: []Position{s.server.pos()}, by: h.renewalOf(chain[0]), served: true, stale: len(s.server.certs) > 0,
			})
		}
	}
	return out
}

// where is how a sentence about the certificate begins.
func (p presented) where() string {
	if p.served {
		return "the certificate served for " + p.subject.Name
	}
	return p.subject.Name
}

func (p presented) finding(s Severity, message, hint string) Finding {
	return Finding{
		Severity: s, Subject: p.subject, Sites: p.sites, At: p.at, Message: message, Hint: hint,
		Evidence: []fact{
			{"not_before", stamp(p.leaf.NotBefore)},
			{"not_after", stamp(p.leaf.NotAfter)},
			{"sha256", fingerprint(p.leaf)},
		},
	}
}

func (p presented) renewHint() string {
	if p.lineage != nil {
		return "certbot renew --cert-name " + p.lineage.name
	}
	if p.served {
		return reloadHint
	}
	return "renew it, then " + reloadHint
}

// nameless reports whether only servers without a name of their own use p.
func (h *host) nameless(p presented) bool {
	for _, c := range h.certs {
		if c.leaf() != p.leaf {
			continue
		}
		return !slices.ContainsFunc(c.servers, func(s *server) bool { return !s.catchAll() && !s.refuses() })
	}
	for _, s := range h.shakes {
		if slices.Contains(s.leaves(), p.leaf) {
			return s.server.catchAll()
		}
	}
	return false
}

// distrust is why a visitor would not trust the chain, nil if they would. Time
// and names are other rules' business.
func (h *host) distrust(p presented) error {
	between := x509.NewCertPool()
	for _, c := range p.chain[1:] {
		between.AddCert(c)
	}
	_, err := p.leaf.Verify(x509.VerifyOptions{
		Roots: h.roots, Intermediates: between, CurrentTime: certWithin(p.leaf, h.now),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	return err
}
