package check

import (
	"fmt"
	"strings"

	"edgeman/deployer/words"
)

func (h *host) counts() counts {
	c := counts{Certificates: len(h.certs), Servers: len(h.servers), Handshakes: len(h.shakes), Upstreams: len(h.upstreams), Apps: len(h.apps)}
	for _, r := range Rules() {
		if r.look != nil && !h.skips(r) {
			c.Rules++
		}
	}
	return c
}

// Summary counts findings by severity.
type Summary struct {
	Critical int `json:"critical"`
	Unknown  int `json:"unknown"`
	Warning  int `json:"warning"`
	Notice   int `json:"notice"`
	Ignored  int `json:"ignored"`
}

// problems counts what is louder than a notice.
func (s Summary) problems() string {
	var parts []string
	for _, c := range []struct {
		n    int
		word string
	}{{s.Critical, "critical"}, {s.Unknown, "unknown"}, {s.Warning, words.Noun(s.Warning, "warning")}} {
		if c.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c.n, c.word))
		}
	}
	if len(parts) == 0 {
		return "no problem"
	}
	return strings.Join(parts, ", ")
}

// String counts everything.
func (s Summary) String() string {
	out := s.problems()
	if s.Notice > 0 {
		out += fmt.Sprintf(", %d %s", s.Notice, words.Noun(s.Notice, "notice"))
	}
	if s.Ignored > 0 {
		out += fmt.Sprintf(", %d ignored", s.Ignored)
	}
	return out
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

// String says how much was looked at.
func (c counts) String() string {
	return fmt.Sprintf("%d %s, %d %s, %d %s, %d %s, %d %s by %d rules",
		c.Servers, words.Noun(c.Servers, "server"), c.Certificates, words.Noun(c.Certificates, "certificate"),
		c.Handshakes, words.Noun(c.Handshakes, "handshake"), c.Upstreams, words.Noun(c.Upstreams, "upstream"),
		c.Apps, words.Noun(c.Apps, "app"), c.Rules)
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
