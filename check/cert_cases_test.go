package check

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// scenario is a host in a state, and how loud one rule must be about it; 0 for
// a near miss that it must say nothing about.
type scenario struct {
	code, name string
	want       Severity
	set        func(*world, *ca)
}

// simple serves one site with the pair, on disk and on the wire.
func simple(p func(c *ca) pair, names string) func(*world, *ca) {
	return func(w *world, c *ca) {
		pr := p(c)
		cert, key := w.store("site", pr)
		w.http(site(names, cert, key))
		w.serves("127.0.0.1:443", pr)
	}
}

func with(l life, names ...string) func(c *ca) pair {
	return func(c *ca) pair { return c.leaf(l, names...) }
}

func certCases() []scenario {
	good := simple(with(fresh, "a.example.com"), "a.example.com")
	chain := func(pick func(c *ca, p pair) []*x509.Certificate) func(*world, *ca) {
		return simple(func(c *ca) pair {
			p := c.leaf(fresh, "a.example.com")
			p.chain = pick(c, p)
			return p
		}, "a.example.com")
	}
	changed := func(change func(*x509.Certificate)) func(*world, *ca) {
		return simple(func(c *ca) pair { return c.issue(ecKey(c.t), fresh, change, "a.example.com") }, "a.example.com")
	}
	return []scenario{
		{"cert-missing", "file absent", Critical, func(w *world, c *ca) {
			w.http(site("a.example.com", "/etc/ssl/none.pem", "/etc/ssl/none.key"))
		}},
		{"cert-missing", "link to nothing", Critical, func(w *world, c *ca) {
			_, key := w.store("site", c.leaf(fresh, "a.example.com"))
			w.link("../archive/gone.pem", "/etc/ssl/link.pem")
			w.http(site("a.example.com", "/etc/ssl/link.pem", key))
		}},
		{"cert-missing", "name in the path, one of two there", Critical, func(w *world, c *ca) {
			w.store("a.example.com", c.leaf(fresh, "a.example.com"))
			w.http(site("a.example.com b.example.com", "/etc/ssl/$ssl_server_name.pem", "/etc/ssl/$ssl_server_name.key"))
		}},
		{"cert-missing", "relative path below the main file", 0, func(w *world, c *ca) {
			p := c.leaf(fresh, "a.example.com")
			w.write("/etc/nginx/ssl/a.pem", p.pem())
			w.writeMode("/etc/nginx/ssl/a.key", p.keyPEM(w.t), 0o600)
			w.http(site("a.example.com", "ssl/a.pem", "ssl/a.key"))
		}},
		{"cert-missing", "held by nginx itself", 0, func(w *world, c *ca) {
			w.http(site("a.example.com", "$acme_certificate", "$acme_certificate_key") + site("b.example.com", "data:$cert", "data:$key"))
		}},
		{"cert-key-mismatch", "key of another", Critical, func(w *world, c *ca) {
			cert, _ := w.store("site", c.leaf(fresh, "a.example.com"))
			_, key := w.store("other", c.leaf(fresh, "a.example.com"))
			w.http(site("a.example.com", cert, key))
		}},
		{"cert-key-mismatch", "belongs", 0, good},
		{"cert-key-mismatch", "key in the same file", 0, func(w *world, c *ca) {
			p := c.leaf(fresh, "a.example.com")
			w.writeMode("/etc/ssl/both.pem", p.keyPEM(w.t)+p.pem(), 0o600)
			w.http(site("a.example.com", "/etc/ssl/both.pem", "/etc/ssl/both.pem"))
		}},
		{"cert-key-mismatch", "encrypted key", 0, func(w *world, c *ca) {
			cert, _ := w.store("site", c.leaf(fresh, "a.example.com"))
			w.writeMode("/etc/ssl/enc.key", string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")})), 0o600)
			w.http(site("a.example.com", cert, "/etc/ssl/enc.key"))
		}},
		{"cert-chain-incomplete", "leaf alone", Critical, chain(func(c *ca, p pair) []*x509.Certificate { return p.chain[:1] })},
		{"cert-chain-incomplete", "wrong intermediate", Critical, chain(func(c *ca, p pair) []*x509.Certificate {
			other := newCA(c.t)
			return []*x509.Certificate{p.leaf, other.mid}
		})},
		{"cert-chain-incomplete", "expired intermediate", Critical, chain(func(c *ca, p pair) []*x509.Certificate {
			return []*x509.Certificate{p.leaf, c.intermediate("Test Intermediate", base.AddDate(0, 0, -1))}
		})},
		{"cert-chain-incomplete", "wrong order", Warning, chain(func(c *ca, p pair) []*x509.Certificate {
			return []*x509.Certificate{p.leaf, newCA(c.t).mid, c.mid}
		})},
		{"cert-chain-incomplete", "twice", Warning, chain(func(c *ca, p pair) []*x509.Certificate {
			return []*x509.Certificate{p.leaf, c.mid, c.mid}
		})},
		{"cert-chain-incomplete", "root included", Notice, chain(func(c *ca, p pair) []*x509.Certificate {
			return []*x509.Certificate{p.leaf, c.mid, c.root}
		})},
		{"cert-chain-incomplete", "whole", 0, good},
		{"cert-chain-incomplete", "self-signed is another matter", 0, simple(func(c *ca) pair { return selfSignedPair(c.t, fresh, "a.example.com") }, "a.example.com")},
		{"cert-expired", "on disk", Critical, simple(with(life{45 * day, -time.Second}, "a.example.com"), "a.example.com")},
		{"cert-expired", "served only", Critical, func(w *world, c *ca) {
			cert, key := w.store("site", c.leaf(fresh, "a.example.com"))
			w.http(site("a.example.com", cert, key))
			w.serves("127.0.0.1:443", c.leaf(life{45 * day, -day}, "a.example.com"))
		}},
		{"cert-expired", "last second", 0, simple(with(life{45 * day, time.Second}, "a.example.com"), "a.example.com")},
		{"cert-expiring", "warning zone", Warning, simple(with(life{45 * day, 10 * day}, "a.example.com"), "a.example.com")},
		{"cert-expiring", "critical zone", Critical, simple(with(life{45 * day, 5 * day}, "a.example.com"), "a.example.com")},
		{"cert-expiring", "intermediate ends first", Warning, chain(func(c *ca, p pair) []*x509.Certificate {
			return []*x509.Certificate{p.leaf, c.intermediate("Test Intermediate", base.Add(20*day))}
		})},
		{"cert-expiring", "renewal just due", 0, simple(with(life{45 * day, 15 * day}, "a.example.com"), "a.example.com")},
		{"cert-not-yet-valid", "tomorrow", Critical, simple(with(life{45 * day, 46 * day}, "a.example.com"), "a.example.com")},
		{"cert-not-yet-valid", "since this second", 0, simple(with(life{45 * day, 45 * day}, "a.example.com"), "a.example.com")},
		{"cert-name-uncovered", "none covered", Critical, simple(with(fresh, "b.example.com"), "a.example.com")},
		{"cert-name-uncovered", "one of two", Warning, simple(with(fresh, "a.example.com"), "a.example.com www.a.example.com")},
		{"cert-name-uncovered", "wildcard covers one label only", Warning, simple(with(fresh, "*.example.com"), "a.example.com x.y.example.com")},
		{"cert-name-uncovered", "wildcard does not cover itself without label", Critical, simple(with(fresh, "*.example.com"), "example.com")},
		{"cert-name-uncovered", "leading dot needs both", Critical, simple(with(fresh, "example.com"), ".example.com")},
		{"cert-name-uncovered", "address beside a name", Notice, simple(with(fresh, "a.example.com"), "a.example.com 192.0.2.1")},
		{"cert-name-uncovered", "underscore in a name", Critical, simple(with(fresh, "a.example.com"), "my_app.example.com")},
		{"cert-name-uncovered", "wildcard", 0, simple(with(fresh, "*.example.com", "example.com"), "A.example.com .example.com")},
		{"cert-name-uncovered", "address", 0, simple(with(fresh, "192.0.2.1"), "192.0.2.1")},
		{"cert-name-uncovered", "regex and underscore", 0, simple(with(fresh, "a.example.com"), `a.example.com "~^(www\.)?b\.example\.com$" _`)},
		{"cert-weak-signature", "SHA-1", Critical, func(w *world, c *ca) {
			// Go signs no SHA-1, so the algorithm of a good one is changed as openssl would have written it.
			p := c.leaf(fresh, "a.example.com")
			cert, key := w.store("site", p)
			w.write(cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: sha1Signed(w.t, p.leaf.Raw)})))
			w.http(site("a.example.com", cert, key))
		}},
		{"cert-weak-signature", "SHA-256", 0, good},
		{"cert-weak-key", "RSA 1024", Warning, simple(func(c *ca) pair { return c.issue(rsaKey(c.t, 1024), fresh, nil, "a.example.com") }, "a.example.com")},
		{"cert-weak-key", "P-521", Warning, simple(func(c *ca) pair {
			k, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
			if err != nil {
				c.t.Fatal(err)
			}
			return c.issue(k, fresh, nil, "a.example.com")
		}, "a.example.com")},
		{"cert-weak-key", "RSA 2048", 0, simple(func(c *ca) pair { return c.issue(rsaKey(c.t, 2048), fresh, nil, "a.example.com") }, "a.example.com")},
		{"cert-lifetime-unusual", "48 days in 2035", Warning, simple(with(life{48 * day, 40 * day}, "a.example.com"), "a.example.com")},
		{"cert-lifetime-unusual", "47 days", 0, simple(with(life{47 * day, 40 * day}, "a.example.com"), "a.example.com")},
		{"cert-lifetime-unusual", "private authority", 0, func(w *world, c *ca) {
			p := newCA(w.t).leaf(life{400 * day, 300 * day}, "a.example.com")
			cert, key := w.store("site", p)
			w.http(site("a.example.com", cert, key))
			w.serves("127.0.0.1:443", p)
		}},
		{"cert-must-staple", "extension", Warning, changed(func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24}, Value: []byte{0x30, 3, 2, 1, 5}}}
		})},
		{"cert-must-staple", "none", 0, good},
		{"cert-key-readable", "world-readable", Critical, keyMode(0o644, 0o755)},
		{"cert-key-readable", "behind a closed directory", 0, func(w *world, c *ca) {
			keyMode(0o644, 0o700)(w, c)
			chownTest(w, "/etc/keys/site.key", 0, 0)
		}},
		{"cert-key-readable", "directory others can write to", Warning, keyMode(0o600, 0o777)},
		{"cert-key-readable", "another's group", Warning, func(w *world, c *ca) {
			keyMode(0o640, 0o755)(w, c)
			chownTest(w, "/etc/keys/site.key", 0, 65534)
		}},
		{"cert-key-readable", "another's key", Warning, func(w *world, c *ca) {
			keyMode(0o600, 0o755)(w, c)
			chownTest(w, "/etc/keys/site.key", 65534, 0)
		}},
		{"cert-key-readable", "root's own group", 0, func(w *world, c *ca) {
			keyMode(0o640, 0o755)(w, c)
			chownTest(w, "/etc/keys/site.key", 0, 0)
		}},
		{"cert-untrusted", "self-signed", Critical, simple(func(c *ca) pair { return selfSignedPair(c.t, fresh, "a.example.com") }, "a.example.com")},
		{"cert-untrusted", "private authority", Critical, func(w *world, c *ca) {
			o := newCA(w.t)
			p := o.leaf(fresh, "a.example.com")
			p.chain = append(p.chain, o.root)
			simple(func(*ca) pair { return p }, "a.example.com")(w, c)
		}},
		{"cert-untrusted", "internal name", Warning, func(w *world, c *ca) {
			simple(func(c *ca) pair { return selfSignedPair(c.t, fresh, "a.example.com") }, "a.example.com")(w, c)
			w.opt.Settings.Internal = []string{"a.example.com"}
		}},
		{"cert-untrusted", "a server without a name", Notice, simple(func(c *ca) pair { return selfSignedPair(c.t, fresh, "localhost") }, "_")},
		{"cert-untrusted", "declared authority", 0, func(w *world, c *ca) {
			o := newCA(w.t)
			w.write("/etc/ssl/our-ca.pem", pair{chain: []*x509.Certificate{o.root}}.pem())
			w.opt.Settings.TrustedCA = []string{"/etc/ssl/our-ca.pem"}
			simple(func(*ca) pair { return o.leaf(fresh, "a.example.com") }, "a.example.com")(w, c)
		}},
		{"cert-untrusted", "expired is another matter", 0, simple(with(life{45 * day, -day}, "a.example.com"), "a.example.com")},
		{"tls-stapling-dead", "no responder", Notice, func(w *world, c *ca) {
			good(w, c)
			w.http("ssl_stapling on;\n" + site("a.example.com", "/etc/ssl/site.pem", "/etc/ssl/site.key"))
		}},
		{"tls-stapling-dead", "responder", 0, func(w *world, c *ca) {
			changed(func(c *x509.Certificate) { c.OCSPServer = []string{"http://ocsp.example.com"} })(w, c)
			w.http("ssl_stapling on;\n" + site("a.example.com", "/etc/ssl/site.pem", "/etc/ssl/site.key"))
		}},
	}
}

func keyMode(mode, dir os.FileMode) func(*world, *ca) {
	return func(w *world, c *ca) {
		p := c.leaf(fresh, "a.example.com")
		w.write("/etc/ssl/site.pem", p.pem())
		w.writeMode("/etc/keys/site.key", p.keyPEM(w.t), mode)
		w.must(os.Chmod(filepath.Join(w.root, "etc/keys"), dir))
		w.http(site("a.example.com", "/etc/ssl/site.pem", "/etc/keys/site.key"))
	}
}

func chownTest(w *world, path string, uid, gid int) {
	w.t.Helper()
	if os.Geteuid() != 0 {
		w.t.Skip("needs root to give a file away")
	}
	w.must(os.Lchown(filepath.Join(w.root, path), uid, gid))
}

// sha1Signed replaces ecdsa-with-SHA256 by ecdsa-with-SHA1 in both places; the
// last two bytes of the identifier tell them apart, and the DER lengths differ.
func sha1Signed(t *testing.T, der []byte) []byte {
	t.Helper()
	type cert struct {
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}
	var c cert
	if _, err := asn1.Unmarshal(der, &c); err != nil {
		t.Fatal(err)
	}
	sha1 := asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 1}
	var tbs []asn1.RawValue
	rest := c.TBS.Bytes
	for len(rest) > 0 {
		var v asn1.RawValue
		var err error
		if rest, err = asn1.Unmarshal(rest, &v); err != nil {
			t.Fatal(err)
		}
		tbs = append(tbs, v)
	}
	algorithm, err := asn1.Marshal(pkix.AlgorithmIdentifier{Algorithm: sha1})
	if err != nil {
		t.Fatal(err)
	}
	tbs[2] = asn1.RawValue{FullBytes: algorithm} // version, serial, signature
	inner, err := asn1.Marshal(tbs)
	if err != nil {
		t.Fatal(err)
	}
	c.TBS, c.Algorithm = asn1.RawValue{FullBytes: inner}, pkix.AlgorithmIdentifier{Algorithm: sha1}
	out, err := asn1.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func servedCases() []scenario {
	two := func(w *world, c *ca) (a, b pair) {
		a, b = c.leaf(fresh, "a.example.com"), c.leaf(fresh, "b.example.com")
		ac, ak := w.store("a", a)
		bc, bk := w.store("b", b)
		w.http(site("a.example.com", ac, ak) + site("b.example.com", bc, bk))
		return a, b
	}
	byName := func(w *world, m map[string]pair) {
		w.serve("127.0.0.1:443", func(i *tls.ClientHelloInfo) (*tls.Certificate, error) {
			return m[i.ServerName].tls(w.t), nil
		})
	}
	return []scenario{
		{"cert-served-other", "default server answers", Critical, func(w *world, c *ca) {
			a, _ := two(w, c)
			w.serves("127.0.0.1:443", a)
		}},
		{"cert-served-other", "an address as a name", 0, func(w *world, c *ca) {
			a, b := two(w, c)
			w.write("/etc/nginx/nginx.conf", strings.Replace(w.text("/etc/nginx/nginx.conf"), "server_name b.example.com", "server_name b.example.com 192.0.2.1", 1))
			w.serve("127.0.0.1:443", func(i *tls.ClientHelloInfo) (*tls.Certificate, error) {
				if i.ServerName == "b.example.com" {
					return b.tls(w.t), nil
				}
				return a.tls(w.t), nil
			})
		}},
		{"cert-served-other", "each its own", 0, func(w *world, c *ca) {
			a, b := two(w, c)
			byName(w, map[string]pair{"a.example.com": a, "b.example.com": b})
		}},
		{"cert-served-other", "one file for both", 0, func(w *world, c *ca) {
			p := c.leaf(fresh, "*.example.com")
			cert, key := w.store("wild", p)
			w.http(site("a.example.com", cert, key) + site("b.example.com", cert, key))
			w.serves("127.0.0.1:443", p)
		}},
		{"cert-served-stale", "renewed, not reloaded", Warning, func(w *world, c *ca) {
			cert, key := w.store("site", c.leaf(fresh, "a.example.com"))
			w.http(site("a.example.com", cert, key))
			w.serves("127.0.0.1:443", c.leaf(life{45 * day, 14 * day}, "a.example.com"))
		}},
		{"cert-served-stale", "and about to expire", Critical, func(w *world, c *ca) {
			cert, key := w.store("site", c.leaf(fresh, "a.example.com"))
			w.http(site("a.example.com", cert, key))
			w.serves("127.0.0.1:443", c.leaf(life{45 * day, 10 * day}, "a.example.com"))
		}},
		{"cert-served-stale", "RSA of two stale", Warning, func(w *world, c *ca) {
			dual(w, c, true)
		}},
		{"cert-served-stale", "RSA and ECDSA both current", 0, func(w *world, c *ca) {
			dual(w, c, false)
		}},
		{"cert-served-stale", "current", 0, simple(with(fresh, "a.example.com"), "a.example.com")},
		{"tls-handshake-failed", "alert", Critical, func(w *world, c *ca) {
			cert, key := w.store("site", c.leaf(fresh, "a.example.com"))
			w.http(site("a.example.com", cert, key))
			w.serve("127.0.0.1:443", func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, os.ErrNotExist })
		}},
		{"tls-handshake-failed", "rejected on purpose", 0, func(w *world, c *ca) {
			w.http("server { listen 443 ssl default_server; ssl_reject_handshake on; }")
			w.serve("127.0.0.1:443", func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, os.ErrNotExist })
		}},
		{"tls-old-protocol", "accepted", Warning, func(w *world, c *ca) {
			simple(with(fresh, "a.example.com"), "a.example.com")(w, c)
			w.http("ssl_protocols TLSv1 TLSv1.2;\n" + site("a.example.com", "/etc/ssl/site.pem", "/etc/ssl/site.key"))
		}},
		{"tls-old-protocol", "listed, and refused by the library", Notice, func(w *world, c *ca) {
			p := c.leaf(fresh, "a.example.com")
			cert, key := w.store("site", p)
			w.http("ssl_protocols TLSv1 TLSv1.2;\n" + site("a.example.com", cert, key))
			w.serve("127.0.0.1:443", func(i *tls.ClientHelloInfo) (*tls.Certificate, error) {
				if i.SupportedVersions[0] < tls.VersionTLS12 {
					return nil, os.ErrNotExist
				}
				return p.tls(w.t), nil
			})
		}},
		{"tls-old-protocol", "current ones", 0, func(w *world, c *ca) {
			simple(with(fresh, "a.example.com"), "a.example.com")(w, c)
			w.http("ssl_protocols TLSv1.2 TLSv1.3;\n" + site("a.example.com", "/etc/ssl/site.pem", "/etc/ssl/site.key"))
		}},
	}
}

// dual is a server with a certificate of each key type; the served RSA one may
// be an older one.
func dual(w *world, c *ca, staleRSA bool) {
	rsaPair, ec := c.issue(rsaKey(w.t, 2048), fresh, nil, "a.example.com"), c.leaf(fresh, "a.example.com")
	rc, rk := w.store("rsa", rsaPair)
	ecc, eck := w.store("ec", ec)
	w.http("server { listen 443 ssl; server_name a.example.com; ssl_certificate " + rc + "; ssl_certificate_key " + rk +
		"; ssl_certificate " + ecc + "; ssl_certificate_key " + eck + "; }")
	if staleRSA {
		rsaPair = c.issue(rsaPair.key, life{45 * day, 20 * day}, nil, "a.example.com")
	}
	w.serve("127.0.0.1:443", func(i *tls.ClientHelloInfo) (*tls.Certificate, error) {
		for _, p := range []pair{ec, rsaPair} {
			if i.SupportsCertificate(p.tls(w.t)) == nil {
				return p.tls(w.t), nil
			}
		}
		return ec.tls(w.t), nil
	})
}
