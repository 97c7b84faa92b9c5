package check

import (
	"crypto/tls"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var ruleTLSOldProtocol = Rule{
	Code: "tls-old-protocol", Title: "a server allows protocols older than TLS 1.2", Worst: Warning, Lint: true, Needs: []need{needConfig},
	What: "`ssl_protocols` lists SSLv2, SSLv3, TLSv1 or TLSv1.1. It is a warning when a handshake shows that such a version is accepted, and a notice when the TLS library refuses it anyway, as Debian's does.",
	Why:  "They are broken or deprecated (RFC 8996); no current client needs them.",
	Fix:  "`ssl_protocols TLSv1.2 TLSv1.3;`",
	look: tlsOldProtocols,
}

var oldVersions = []string{"SSLv2", "SSLv3", "TLSv1", "TLSv1.1"}

// tlsOldProtocols reports each ssl_protocols line once: many servers share one.
func tlsOldProtocols(h *host, report func(Finding)) {
	seen := map[Position]bool{}
	for _, s := range h.servers {
		lines := s.block.Effective("ssl_protocols")
		if !s.tls || len(lines) == 0 {
			continue
		}
		at := position(lines[0])
		old := filter(lines[0].Args(), func(v string) bool { return slices.Contains(oldVersions, v) })
		if len(old) == 0 || seen[at] {
			continue
		}
		seen[at] = true
		f := Finding{
			Severity: Notice, Subject: Subject{"file", at.String()}, Sites: s.sites(), At: []Position{at},
			Message: fmt.Sprintf("ssl_protocols at %s lists %s", at, strings.Join(old, ", ")),
			Hint:    "ssl_protocols TLSv1.2 TLSv1.3;",
		}
		if h.tlsAcceptsOld(s) {
			f.Severity = Warning
			f.Message = fmt.Sprintf("%s accepts TLS older than 1.2 (%s)", s.label(), at)
		}
		report(f)
	}
}

// tlsAcceptsOld asks the running server for TLS 1.1 at most.
func (h *host) tlsAcceptsOld(s *server) bool {
	for _, shake := range h.shakes {
		if shake.server == s && shake.err == nil {
			_, err := h.connect(shake, suites(""), tls.VersionTLS11)
			return err == nil
		}
	}
	return false
}

var ruleTLSWeakCiphers = Rule{
	Code: "tls-weak-ciphers", Title: "a server lists broken ciphers", Worst: Notice, Lint: true, Needs: []need{needConfig},
	What: "`ssl_ciphers` includes RC4, DES, MD5, NULL, export or low-grade suites.",
	Why:  "Old clients can be tricked into using them.",
	Fix:  "Use Mozilla's intermediate list.",
	look: tlsWeakCiphers,
}

// brokenSuites are words of OpenSSL's cipher strings that add broken suites.
var brokenSuites = regexp.MustCompile(`(?i)^\+?(RC4|3DES|DES|MD5|a?NULL|eNULL|EXP(ORT)?\d*|LOW|SSLv2)$|RC4-|DES-CBC|-MD5$|^EXP-`)

func tlsWeakCiphers(h *host, report func(Finding)) {
	seen := map[Position]bool{}
	for _, s := range h.servers {
		lines := s.block.Effective("ssl_ciphers")
		if !s.tls || len(lines) == 0 || seen[position(lines[0])] {
			continue
		}
		at := position(lines[0])
		seen[at] = true
		if weak := tlsWeakSuites(lines[0].Arg(0)); len(weak) > 0 {
			report(Finding{
				Severity: Notice, Subject: Subject{"file", at.String()}, Sites: s.sites(), At: []Position{at},
				Message: fmt.Sprintf("ssl_ciphers at %s allows %s", at, strings.Join(weak, ", ")),
				Hint:    "use Mozilla's intermediate list",
			})
		}
	}
}

// tlsWeakSuites are the broken words of a cipher string that nothing in it takes
// away again.
func tlsWeakSuites(list string) []string {
	words := strings.FieldsFunc(list, func(r rune) bool { return strings.ContainsRune(": ,", r) })
	return filter(words, func(w string) bool {
		if strings.HasPrefix(w, "!") || strings.HasPrefix(w, "-") || !brokenSuites.MatchString(w) {
			return false
		}
		return !slices.ContainsFunc(words, func(x string) bool {
			x, not := strings.CutPrefix(x, "!")
			return not && x != "" && strings.Contains(strings.ToUpper(w), strings.ToUpper(x))
		})
	})
}

var ruleTLSStaplingDead = Rule{
	Code: "tls-stapling-dead", Title: "OCSP stapling is on for a certificate without OCSP", Worst: Notice, Lint: true, Needs: []need{needConfig},
	What: "`ssl_stapling on`, and the certificate names no OCSP responder.",
	Why:  "Its only effect is a warning from nginx at every test and reload.",
	Fix:  "Remove `ssl_stapling` and `ssl_stapling_verify`.",
	look: tlsStaplingDead,
}

func tlsStaplingDead(h *host, report func(Finding)) {
	for _, c := range h.certs {
		if c.leaf() == nil || len(c.leaf().OCSPServer) > 0 {
			continue
		}
		for _, s := range c.servers {
			if lines := s.block.Effective("ssl_stapling"); len(lines) > 0 && lines[0].Arg(0) == "on" && len(s.block.Effective("ssl_stapling_file")) == 0 {
				report(Finding{
					Severity: Notice, Subject: c.subject(), Sites: c.sites(), At: []Position{position(lines[0])},
					Message: fmt.Sprintf("ssl_stapling is on, and %s names no OCSP responder", c.path),
					Hint:    "remove ssl_stapling and ssl_stapling_verify",
				})
				break
			}
		}
	}
}
