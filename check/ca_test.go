package check

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// ca is a root with an intermediate, made anew for each test.
type ca struct {
	t         testing.TB
	root, mid *x509.Certificate
	rootKey   crypto.Signer
	midKey    crypto.Signer
	now       time.Time // what lifetimes count from
}

var serials atomic.Int64

func newCA(t testing.TB) *ca {
	t.Helper()
	return newCAAt(t, base)
}

func newCAAt(t testing.TB, now time.Time) *ca {
	t.Helper()
	c := &ca{t: t, rootKey: ecKey(t), midKey: ecKey(t), now: now}
	from := now.AddDate(-5, 0, 0)
	root := &x509.Certificate{
		Subject: pkix.Name{Organization: []string{"Test"}, CommonName: "Test Root"}, NotBefore: from, NotAfter: now.AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	c.root = c.sign(root, root, c.rootKey.Public(), c.rootKey)
	c.mid = c.intermediate("Test Intermediate", now.AddDate(3, 0, 0))
	return c
}

func (c *ca) intermediate(name string, until time.Time) *x509.Certificate {
	c.t.Helper()
	return c.sign(&x509.Certificate{
		Subject: pkix.Name{Organization: []string{"Test"}, CommonName: name}, NotBefore: c.now.AddDate(-2, 0, 0), NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, c.root, c.midKey.Public(), c.rootKey)
}

func (c *ca) sign(template, parent *x509.Certificate, pub crypto.PublicKey, by crypto.Signer) *x509.Certificate {
	c.t.Helper()
	template.SerialNumber = big.NewInt(serials.Add(1))
	der, err := x509.CreateCertificate(rand.Reader, template, parent, pub, by)
	if err != nil {
		c.t.Fatal(err)
	}
	out, err := x509.ParseCertificate(der)
	if err != nil {
		c.t.Fatal(err)
	}
	return out
}

// pair is a certificate with its key and what goes into its file.
type pair struct {
	leaf  *x509.Certificate
	chain []*x509.Certificate
	key   crypto.Signer
}

// life is a certificate of that lifetime with so much left at base.
type life struct{ total, left time.Duration }

var fresh = life{45 * day, 40 * day}

func (c *ca) leaf(l life, names ...string) pair {
	c.t.Helper()
	return c.issue(ecKey(c.t), l, nil, names...)
}

func (c *ca) issue(key crypto.Signer, l life, change func(*x509.Certificate), names ...string) pair {
	c.t.Helper()
	template := &x509.Certificate{
		NotBefore: c.now.Add(l.left - l.total), NotAfter: c.now.Add(l.left),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, n)
		}
	}
	if change != nil {
		change(template)
	}
	leaf := c.sign(template, c.mid, key.Public(), c.midKey)
	return pair{leaf: leaf, chain: []*x509.Certificate{leaf, c.mid}, key: key}
}

func selfSignedPair(t testing.TB, l life, names ...string) pair {
	t.Helper()
	key := ecKey(t)
	c := &ca{t: t}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: names[0]}, NotBefore: base.Add(l.left - l.total), NotAfter: base.Add(l.left), DNSNames: names,
	}
	leaf := c.sign(template, template, key.Public(), key)
	return pair{leaf: leaf, chain: []*x509.Certificate{leaf}, key: key}
}

func (p pair) pem() string {
	var out []byte
	for _, c := range p.chain {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return string(out)
}

func (p pair) keyPEM(t testing.TB) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(p.key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func (p pair) tls(t *testing.T) *tls.Certificate {
	c := &tls.Certificate{PrivateKey: p.key}
	for _, x := range p.chain {
		c.Certificate = append(c.Certificate, x.Raw)
	}
	return c
}

func ecKey(t testing.TB) crypto.Signer {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func rsaKey(t testing.TB, bits int) crypto.Signer {
	t.Helper()
	t.Setenv("GODEBUG", "rsa1024min=0")
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// trusted makes a world whose visitors trust the authority.
func trusted(t *testing.T) (*world, *ca) {
	t.Helper()
	w, c := newWorld(t), newCA(t)
	w.roots.AddCert(c.root)
	return w, c
}

// store writes a pair the way an operator would.
func (w *world) store(name string, p pair) (cert, key string) {
	w.t.Helper()
	cert, key = "/etc/ssl/"+name+".pem", "/etc/ssl/"+name+".key"
	w.write(cert, p.pem())
	w.writeMode(key, p.keyPEM(w.t), 0o600)
	return cert, key
}

// site is a TLS server for the names, with a pair from the files.
func site(names, cert, key string) string {
	return "server { listen 443 ssl; server_name " + names + "; ssl_certificate " + cert + "; ssl_certificate_key " + key +
		"; server_tokens off; add_header Strict-Transport-Security max-age=63072000; }\n"
}
