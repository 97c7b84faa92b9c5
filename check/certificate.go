package check

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"path/filepath"
	"strings"
)

// certificate is a file that nginx is told to serve, with its key. Several
// servers may share it.
type certificate struct {
	path, keyPath string
	pos           Position
	chain         []*x509.Certificate // the leaf first
	err           error               // the file is absent, unreadable or no certificate
	keyErr        error
	key           crypto.PublicKey // of the key file; nil if it could not be read
	servers       []*server
	lineage       *lineage
}

func (c *certificate) leaf() *x509.Certificate {
	if len(c.chain) == 0 {
		return nil
	}
	return c.chain[0]
}

// sites are the names of every server that uses the certificate.
func (c *certificate) sites() []string {
	var out []string
	for _, s := range c.servers {
		out = appendNew(out, s.sites()...)
	}
	return out
}

func (c *certificate) subject() Subject { return Subject{"certificate", c.path} }

// fingerprint is the SHA-256 of a certificate, the way openssl names it but
// without colons.
func fingerprint(c *x509.Certificate) string { return hexSum(c.Raw) }

func hexSum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// collectCertificates finds what the servers are told to serve, each pair of
// files once.
func (h *host) collectCertificates() {
	byPath := map[[2]string]*certificate{}
	main := filepath.Dir(h.nginx.Main) // what their paths are relative to
	for _, s := range h.servers {
		if !s.tls {
			continue
		}
		certs, keys := s.block.Effective("ssl_certificate"), s.block.Effective("ssl_certificate_key")
		for i, d := range certs {
			key := ""
			if i < len(keys) {
				key = keys[i].Arg(0)
			}
			for _, pair := range expand(s, d.Arg(0), key) {
				pair[0], pair[1] = under(main, pair[0]), under(main, pair[1])
				c := byPath[pair]
				if c == nil {
					c = h.readCertificate(pair[0], pair[1])
					c.pos = position(d)
					byPath[pair] = c
					h.certs = append(h.certs, c)
				}
				c.servers = append(c.servers, s)
				s.certs = append(s.certs, c)
			}
		}
	}
}

// expand gives the files behind a pair of ssl_certificate parameters: none if
// they are not files at all, one for each name if they depend on the name that
// the visitor asks for.
func expand(s *server, cert, key string) [][2]string {
	for _, p := range []string{"data:", "engine:", "store:"} {
		if strings.HasPrefix(cert, p) || cert == "" {
			return nil
		}
		if strings.HasPrefix(key, p) {
			key = ""
		}
	}
	if !strings.Contains(cert+key, "$") {
		return [][2]string{{cert, key}}
	}
	var out [][2]string
	for _, n := range s.names {
		if !realName(n) || strings.ContainsAny(n, "*") || strings.HasPrefix(n, ".") {
			continue
		}
		r := strings.NewReplacer("$ssl_server_name", n, "${ssl_server_name}", n)
		c, k := r.Replace(cert), r.Replace(key)
		if strings.Contains(c, "$") {
			continue // $acme_certificate, map values: only a handshake tells
		}
		if strings.Contains(k, "$") {
			k = ""
		}
		out = append(out, [2]string{c, k})
	}
	return out
}

func (h *host) readCertificate(path, keyPath string) *certificate {
	c := &certificate{path: path, keyPath: keyPath}
	data, err := h.env.FS.ReadFile(path)
	if err == nil {
		c.chain, err = parseChain(data)
	}
	c.err = err
	if keyPath == "" {
		return c
	}
	data, err = h.env.FS.ReadFile(keyPath)
	if err == nil {
		c.key, err = publicKey(data)
	}
	c.keyErr = err
	return c
}

// leavesOf are the leaves on disk for s, or those served where there is no file.
func (h *host) leavesOf(s *server) []*x509.Certificate {
	out := diskLeaves(s)
	if len(s.certs) > 0 {
		return out
	}
	for _, shake := range h.shakes {
		if shake.server == s {
			out = append(out, shake.leaves()...)
		}
	}
	return out
}

// diskLeaves are the leaves in the server's files.
func diskLeaves(s *server) []*x509.Certificate {
	var out []*x509.Certificate
	for _, c := range s.certs {
		if c.leaf() != nil {
			out = append(out, c.leaf())
		}
	}
	return out
}
