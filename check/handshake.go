package check

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// shakeWorkers bounds how many handshakes run at the same time: nginx is busy
// with visitors.
const shakeWorkers = 8

// handshake is one TLS connection to this host's own nginx, as a visitor of a
// name would make it.
type handshake struct {
	server *server
	listen listen
	name   string // server name indication; "" asks for the default server
	chains [][]*x509.Certificate
	err    error
}

// leaves are the certificates that were served: one for each type of key.
func (s *handshake) leaves() []*x509.Certificate {
	var out []*x509.Certificate
	for _, c := range s.chains {
		out = append(out, c[0])
	}
	return out
}

// subject is what the handshake tells something about.
func (s *handshake) subject() Subject {
	if s.name == "" {
		return Subject{"server", s.server.label()}
	}
	return Subject{"server", s.name}
}

// shake makes every handshake there is to make, while nginx runs.
func (h *host) shake() {
	if h.root == nil || !h.nginx.Running || h.env.Dial == nil {
		return
	}
	h.has[needHandshake] = true
	h.shakes = h.planHandshakes()
	queue := make(chan *handshake)
	var wg sync.WaitGroup
	for range shakeWorkers {
		wg.Go(func() {
			for s := range queue {
				h.shakeOne(s)
			}
		})
	}
	for _, s := range h.shakes {
		queue <- s
	}
	close(queue)
	wg.Wait()
}

// planHandshakes asks each name on its server's first address, and one name on
// each further address: the two families of one port are configured alike.
func (h *host) planHandshakes() []*handshake {
	var out []*handshake
	taken := map[string]bool{} // the first block with a name on an address wins
	for _, s := range h.servers {
		first := true
		for _, l := range s.listens {
			if !l.ssl || l.quic {
				continue
			}
			for i, name := range askedNames(s) {
				key := l.key() + " " + name
				if taken[key] || !first && i > 0 || name == "" && !h.defaultFor(s, l) {
					continue
				}
				taken[key] = true
				out = append(out, &handshake{server: s, listen: l, name: name})
			}
			first = false
		}
	}
	return out
}

// askedNames are names that a visitor of the server could ask for; one of its
// wildcards' many stands for all. Regular expressions cannot be asked for.
func askedNames(s *server) []string {
	if s.stream {
		return []string{""}
	}
	var out []string
	for _, n := range s.names {
		switch {
		case !realName(n):
		case net.ParseIP(n) != nil && !anyCertCovers(diskLeaves(s), n):
			// Nobody sends an address as a name, and hardly any certificate is for one.
		case strings.HasPrefix(n, "*."):
			out = append(out, "edgeman-check"+n[1:])
		case strings.HasSuffix(n, ".*"):
			out = append(out, n[:len(n)-1]+"example")
		default:
			out = append(out, strings.TrimPrefix(n, "."))
		}
	}
	if len(out) == 0 && s.catchAll() {
		out = []string{""}
	}
	return out
}

// defaultFor reports whether s answers on l when no name matches: the block
// marked default_server, else the first in the order of the files.
func (h *host) defaultFor(s *server, l listen) bool {
	var first *server
	for _, o := range h.servers {
		for _, ol := range o.listens {
			if ol.key() != l.key() || o.stream != s.stream {
				continue
			}
			if ol.def {
				return o == s
			}
			if first == nil {
				first = o
			}
		}
	}
	return first == s
}

// shakeOne fills in the chains. With certificates of both key types a client
// sees one of them only, so each is asked for by its own cipher suites, which
// TLS 1.3 no longer ties to the key: there either is accepted.
func (h *host) shakeOne(s *handshake) {
	keys := map[x509.PublicKeyAlgorithm]bool{}
	for _, leaf := range diskLeaves(s.server) {
		keys[leaf.PublicKeyAlgorithm] = true
	}
	if keys[x509.RSA] && keys[x509.ECDSA] {
		for _, kind := range []string{"_RSA_", "_ECDSA_"} {
			if chain, err := h.connect(s, suites(kind), tls.VersionTLS12); err == nil {
				s.chains = append(s.chains, chain)
			}
		}
		if len(s.chains) > 0 {
			return
		}
	}
	chain, err := h.connect(s, suites(""), tls.VersionTLS13)
	if s.err = err; err == nil {
		s.chains = append(s.chains, chain)
	}
}

// suites are all suites of TLS 1.0 to 1.2 that Go knows, weak ones too: the
// question is what is served, not whether it is wise. kind is _RSA_ or _ECDSA_
// for the key of the certificate.
func suites(kind string) []uint16 {
	var out []uint16
	for _, c := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		if strings.Contains(c.Name, kind) {
			out = append(out, c.ID)
		}
	}
	return out
}

func (h *host) connect(s *handshake, ciphers []uint16, newest uint16) ([]*x509.Certificate, error) {
	ctx, cancel := context.WithTimeout(h.ctx, h.opt.Handshake)
	defer cancel()
	network, address := s.listen.target()
	conn, err := h.env.Dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return nil, err
	}
	if s.listen.proxyProtocol {
		// The v1 form for "I will not say" (proxy-protocol.txt, 2.1).
		if _, err := io.WriteString(conn, "PROXY UNKNOWN\r\n"); err != nil {
			return nil, err
		}
	}
	client := tls.Client(conn, &tls.Config{
		ServerName:         s.name,
		InsecureSkipVerify: true, // what is served is judged by the rules
		MinVersion:         tls.VersionTLS10,
		MaxVersion:         newest,
		CipherSuites:       ciphers,
	})
	if err := client.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("handshake: %w", err)
	}
	chain := client.ConnectionState().PeerCertificates
	if len(chain) == 0 {
		return nil, errNoCertificate
	}
	return chain, nil
}

// refused reports whether nobody listens at the address.
func (s *handshake) refused() bool {
	return errors.Is(s.err, syscall.ECONNREFUSED) || errors.Is(s.err, syscall.ENOENT) || errors.Is(s.err, syscall.EADDRNOTAVAIL)
}

// inconclusive reports whether the failure may be ours: no suite in common, no
// time left, no way to the address.
func (s *handshake) inconclusive() bool {
	if s.err == nil || s.refused() {
		return false
	}
	var alert tls.AlertError
	var op interface{ Timeout() bool }
	return errors.As(s.err, &op) && op.Timeout() ||
		errors.As(s.err, &alert) ||
		strings.Contains(s.err.Error(), "handshake failure") ||
		strings.Contains(s.err.Error(), "protocol version") ||
		errors.Is(s.err, syscall.ENETUNREACH) || errors.Is(s.err, syscall.EACCES)
}
