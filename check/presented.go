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

// renewalOf is who renews the file that the leaf was served from, or a newer
// generation of it: one for the same names.
func (h *host) renewalOf(leaf *x509.Certificate) renewal {
	for _, c := range h.certs {
		if c.leaf() != nil && slices.Equal(sans(c.leaf()), sans(leaf)) {
			return h.renewal(c.lineage)
		}
	}
	return renewal{}
}
