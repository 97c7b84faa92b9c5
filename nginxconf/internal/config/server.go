package config

import (
	"slices"
	"strings"
)

// OddInHost reports characters that no host name or address has, and that
// would need quotes where a host is written.
func OddInHost(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-[]:%", r))
}

// Listens tells how clients reach a server: in the clear, over TLS, or either way.
// "ssl on", which nginx before 1.25.1 takes (ngx_http_ssl_module), speaks for
// every listen line and is inherited from http.
func (n *Node) Listens() (plain, tls bool) {
	for _, l := range n.All("listen") {
		secure := slices.Contains(l.Args(), "ssl") || slices.Contains(l.Args(), "quic")
		plain, tls = plain || !secure, tls || secure
	}
	on := n.Effective("ssl")
	return plain, tls || on != nil && on[0].Arg(0) == "on"
}
