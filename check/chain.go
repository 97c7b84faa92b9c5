package check

import (
	"crypto"
	"crypto/x509"
	"time"
)

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
		Roots: h.roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}, CurrentTime: within(c, h.now),
	})
	return err == nil
}

// distrust is why a visitor would not trust the chain, nil if they would. Time
// and names are other rules' business.
func (h *host) distrust(p presented) error {
	between := x509.NewCertPool()
	for _, c := range p.chain[1:] {
		between.AddCert(c)
	}
	_, err := p.leaf.Verify(x509.VerifyOptions{
		Roots: h.roots, Intermediates: between, CurrentTime: within(p.leaf, h.now),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	return err
}

// within is now, moved into the lifetime of c: that it has expired is another
// rule's business.
func within(c *x509.Certificate, now time.Time) time.Time {
	switch {
	case now.After(c.NotAfter):
		return c.NotAfter
	case now.Before(c.NotBefore):
		return c.NotBefore
	}
	return now
}

func weakSignature(a x509.SignatureAlgorithm) bool {
	switch a {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1:
		return true
	}
	return false
}
