package check

import (
	"crypto/x509"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"time"
)

// Report is the outcome of a run. Its JSON form is stable: fields are only ever
// added.
type Report struct {
	Schema   int       `json:"schema"`
	Tool     string    `json:"tool"`
	Host     string    `json:"host"`
	Started  time.Time `json:"started"`
	Duration float64   `json:"duration_seconds"`
	Exit     int       `json:"exit"`
	Lint     bool      `json:"lint,omitempty"` // the rules for --lint were asked, too

	Summary   Summary         `json:"summary"`
	Checked   counts          `json:"checked"`
	Findings  []Finding       `json:"findings"`
	Ignored   []Finding       `json:"ignored,omitempty"`
	Recovered []string        `json:"recovered,omitempty"`
	Known     *known          `json:"known,omitempty"` // with --remember
	Inventory []inventoryLine `json:"inventory"`
}

// known are the problems that stand and were left out because they have been
// said before.
type known struct {
	Summary
	Since time.Time `json:"since"` // when the first of them was seen
}

// Summary counts findings by severity.
type Summary struct {
	Critical int `json:"critical"`
	Unknown  int `json:"unknown"`
	Warning  int `json:"warning"`
	Notice   int `json:"notice"`
	Ignored  int `json:"ignored"`
}

func (s *Summary) count(v Severity) {
	switch v {
	case Critical:
		s.Critical++
	case Unknown:
		s.Unknown++
	case Warning:
		s.Warning++
	case Notice:
		s.Notice++
	}
}

// counts says how much was looked at.
type counts struct {
	Certificates int `json:"certificates"`
	Servers      int `json:"servers"`
	Handshakes   int `json:"handshakes"`
	Upstreams    int `json:"upstreams"`
	Apps         int `json:"apps"`
	Rules        int `json:"rules"`
}

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

// WriteJSON prints the report for programs.
func WriteJSON(w io.Writer, r Report) error {
	if r.Findings == nil {
		r.Findings = []Finding{}
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
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
