package check

import (
	"crypto/x509"
	"net"
	"slices"
	"strings"
)

// label is what a person calls a certificate: a common name is no longer given
// by every issuer, so it is the first alternative name.
func label(c *x509.Certificate) string {
	switch {
	case len(c.DNSNames) > 0:
		return c.DNSNames[0]
	case len(c.IPAddresses) > 0:
		return c.IPAddresses[0].String()
	case c.Subject.CommonName != "":
		return c.Subject.CommonName
	}
	return "serial " + c.SerialNumber.Text(16)
}

func sans(c *x509.Certificate) []string {
	out := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		out = append(out, ip.String())
	}
	return out
}

// covers reports whether the certificate is valid for a server_name parameter.
// A wildcard stands for one label (RFC 6125); ".example.com" means the name and
// all below it.
func covers(c *x509.Certificate, name string) bool {
	if rest, ok := strings.CutPrefix(name, "."); ok {
		return covers(c, rest) && covers(c, "*."+rest)
	}
	if strings.HasPrefix(name, "*.") {
		return slices.ContainsFunc(c.DNSNames, func(n string) bool { return strings.EqualFold(n, name) })
	}
	if ip := net.ParseIP(strings.Trim(name, "[]")); ip != nil {
		return slices.ContainsFunc(c.IPAddresses, ip.Equal)
	}
	return slices.ContainsFunc(c.DNSNames, func(n string) bool { return matchName(n, name) })
}

func matchName(pattern, name string) bool {
	pattern, name = strings.ToLower(pattern), strings.ToLower(name)
	if rest, ok := strings.CutPrefix(pattern, "*."); ok {
		first, tail, found := strings.Cut(name, ".")
		return found && first != "" && tail == rest
	}
	return pattern == name
}

func anyCovers(leaves []*x509.Certificate, name string) bool {
	for _, l := range leaves {
		if covers(l, name) {
			return true
		}
	}
	return false
}

// coversAll reports whether the certificate is valid for all names of other.
func coversAll(c, other *x509.Certificate) bool {
	return !slices.ContainsFunc(sans(other), func(n string) bool { return !covers(c, n) })
}
