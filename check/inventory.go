package check

import (
	"crypto/x509"
	"slices"
	"strings"
	"time"
)

// inventoryLine is one line of the inventory.
type inventoryLine struct {
	Source    string    `json:"source"` // disk or served
	Path      string    `json:"path,omitempty"`
	Server    string    `json:"server,omitempty"` // label: the first name it is used for
	Names     []string  `json:"names"`
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	Due       time.Time `json:"renewal_due"`
	SHA256    string    `json:"sha256"`
	Issuer    string    `json:"issuer"`
}

// inventory lists the certificates on disk, and each one that is served.
func (h *host) inventory() []inventoryLine {
	out := []inventoryLine{}
	for _, c := range h.certs {
		if c.leaf() == nil {
			continue
		}
		line := newCertificate(c.leaf(), h.renewal(c.lineage))
		line.Source, line.Path = "disk", c.path
		line.Server = c.servers[0].label()
		out = append(out, line)
	}
	seen := map[string]bool{}
	for _, s := range h.shakes {
		for _, leaf := range s.leaves() {
			name := s.subject().Name
			if seen[name+fingerprint(leaf)] {
				continue
			}
			seen[name+fingerprint(leaf)] = true
			line := newCertificate(leaf, h.renewalOf(leaf))
			line.Source, line.Server = "served", name
			out = append(out, line)
		}
	}
	slices.SortStableFunc(out, func(a, b inventoryLine) int {
		return strings.Compare(a.Server+a.Source+a.Path, b.Server+b.Source+b.Path)
	})
	return out
}

func newCertificate(c *x509.Certificate, by renewal) inventoryLine {
	return inventoryLine{
		Names: sans(c), NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(),
		Due: c.NotAfter.Add(-by.window(lifetime(c))).UTC(), SHA256: fingerprint(c), Issuer: c.Issuer.String(),
	}
}
