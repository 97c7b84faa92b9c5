package check

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// errNoCertificate is a PEM file without a certificate in it.
var errNoCertificate = errors.New("holds no certificate")

// parseChain reads the certificates of a PEM file in the order of the file.
func parseChain(data []byte) ([]*x509.Certificate, error) {
	var chain []*x509.Certificate
	for {
		var block *pem.Block
		block, data = pem.Decode(data)
		if block == nil {
			break
		}
		if block.Type != "CERTIFICATE" && block.Type != "X509 CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("parsing certificate %d: %w", len(chain)+1, err)
		}
		chain = append(chain, c)
	}
	if len(chain) == 0 {
		return nil, errNoCertificate
	}
	return chain, nil
}

// errNoKey is a PEM file without a private key in it.
var errNoKey = errors.New("holds no private key")

// errEncrypted is a key behind a password: it cannot be compared.
var errEncrypted = errors.New("is encrypted")

// publicKey reads the public half of the private key in a PEM file. The private
// half goes nowhere.
func publicKey(data []byte) (crypto.PublicKey, error) {
	for {
		var block *pem.Block
		block, data = pem.Decode(data)
		if block == nil {
			return nil, errNoKey
		}
		if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
			return nil, errEncrypted
		}
		key, err := parseKey(block)
		if err != nil {
			return nil, err
		}
		if signer, ok := key.(crypto.Signer); ok {
			return signer.Public(), nil
		}
	}
}

func parseKey(b *pem.Block) (any, error) {
	switch b.Type {
	case "PRIVATE KEY":
		return x509.ParsePKCS8PrivateKey(b.Bytes)
	case "RSA PRIVATE KEY":
		return x509.ParsePKCS1PrivateKey(b.Bytes)
	case "EC PRIVATE KEY":
		return x509.ParseECPrivateKey(b.Bytes)
	}
	return nil, nil // parameters, certificates: not a key
}

// equalKeys compares public keys; keys of an unknown kind count as equal, since
// nothing can be said about them.
func equalKeys(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return !ok || k.Equal(b)
}

func selfSigned(c *x509.Certificate) bool {
	return string(c.RawIssuer) == string(c.RawSubject)
}

// issuerIn finds the certificate that signed c.
func issuerIn(list []*x509.Certificate, c *x509.Certificate) int {
	for i, o := range list {
		if o != c && string(o.RawSubject) == string(c.RawIssuer) && signedBy(c, o) {
			return i
		}
	}
	return -1
}

// signedBy checks the signature alone; one in an algorithm that Go no longer
// accepts counts as right, since another rule speaks of it.
func signedBy(c, issuer *x509.Certificate) bool {
	err := issuer.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature)
	if err == nil {
		return true
	}
	_, insecure := err.(x509.InsecureAlgorithmError)
	return insecure
}

// known reports whether c leads to a trusted root with nothing in between.
func (h *host) known(c *x509.Certificate) bool {
	if h.roots == nil {
		return true
	}
	_, err := c.Verify(x509.VerifyOptions{
		Roots: h.roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}, CurrentTime: certWithin(c, h.now),
	})
	return err == nil
}

// certWithin is now, moved into the lifetime of c: that it has expired is another
// rule's business.
func certWithin(c *x509.Certificate, now time.Time) time.Time {
	switch {
	case now.After(c.NotAfter):
		return c.NotAfter
	case now.Before(c.NotBefore):
		return c.NotBefore
	}
	return now
}

func weakSignature(a x509.SignatureAlgorithm) bool {
	return slices.Contains([]x509.SignatureAlgorithm{x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1}, a)
}

// certLabel is what a person calls a certificate: a common name is no longer given
// by every issuer, so it is the first alternative name.
func certLabel(c *x509.Certificate) string {
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

// certCovers reports whether the certificate is valid for a server_name parameter.
// A wildcard stands for one label (RFC 6125); ".example.com" means the name and
// all below it.
func certCovers(c *x509.Certificate, name string) bool {
	if rest, ok := strings.CutPrefix(name, "."); ok {
		return certCovers(c, rest) && certCovers(c, "*."+rest)
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

func anyCertCovers(leaves []*x509.Certificate, name string) bool {
	return slices.ContainsFunc(leaves, func(l *x509.Certificate) bool { return certCovers(l, name) })
}

// certCoversAll reports whether the certificate is valid for all names of other.
func certCoversAll(c, other *x509.Certificate) bool {
	return !slices.ContainsFunc(sans(other), func(n string) bool { return !certCovers(c, n) })
}
