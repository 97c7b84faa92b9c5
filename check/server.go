package check

import (
	"net"
	"path"
	"slices"
	"strings"
)

// server is a server block.
type server struct {
	block   *node
	stream  bool // not of http: nobody asks for it by name
	names   []string
	listens []listen
	tls     bool
	certs   []*certificate
}

// listen is one listen directive.
type listen struct {
	host, port, unix              string
	ssl, def, proxyProtocol, quic bool
	udp                           bool
	pos                           Position
	backlog                       string
}

// key is the address in one spelling, so that two blocks can be compared.
func (l listen) key() string {
	if l.unix != "" {
		return "unix:" + l.unix
	}
	return net.JoinHostPort(l.host, l.port)
}

// target is where this host itself can reach the address.
func (l listen) target() (network, address string) {
	switch {
	case l.unix != "":
		return "unix", l.unix
	case l.host == "0.0.0.0":
		return "tcp", net.JoinHostPort("127.0.0.1", l.port)
	case l.host == "::":
		return "tcp", net.JoinHostPort("::1", l.port)
	}
	return "tcp", net.JoinHostPort(l.host, l.port)
}

func (s *server) pos() Position { return position(s.block) }

// label is what a person calls the server.
func (s *server) label() string {
	if i := slices.IndexFunc(s.names, realName); i >= 0 {
		return s.names[i]
	}
	if len(s.listens) > 0 {
		return "default server of " + s.listens[0].key()
	}
	return s.pos().String()
}

// sites are the names that a person may ask for this server by.
func (s *server) sites() []string {
	if s.catchAll() {
		return []string{s.label()}
	}
	return filter(s.names, realName)
}

// catchAll reports whether the server has no name that a visitor could mean.
func (s *server) catchAll() bool { return !slices.ContainsFunc(s.names, realName) }

// refuses reports whether the server answers nobody: a handshake that is
// rejected or a bare return.
func (s *server) refuses() bool {
	if value(s.block, "ssl_reject_handshake", "off") == "on" {
		return true
	}
	r := first(s.block, "return")
	return r != nil && (r.Arg(0) == "444" || strings.HasPrefix(r.Arg(0), "4"))
}

// realName reports whether a server_name parameter is a name that a visitor
// could type: "_", "default" and regular expressions are not.
func realName(n string) bool {
	return strings.Contains(strings.Trim(n, "."), ".") && !strings.HasPrefix(n, "~") && !strings.Contains(n, "$") &&
		strings.Trim(n, "_.*-") != ""
}

// servers lists the server blocks of http, stream and mail in the order of the
// files. Only those of http are chosen by name.
func servers(root *node) []*server {
	var out []*server
	for _, ctx := range root.Children() {
		if ctx.Name() != "http" && ctx.Name() != "stream" && ctx.Name() != "mail" {
			continue
		}
		for _, b := range ctx.All("server") {
			if b.IsBlock() {
				out = append(out, newServer(b, ctx.Name() != "http"))
			}
		}
	}
	return out
}

func newServer(b *node, stream bool) *server {
	s := &server{block: b, stream: stream}
	for _, d := range b.All("server_name") {
		for _, n := range d.Args() {
			s.names = append(s.names, strings.ToLower(n))
		}
	}
	for _, d := range b.All("listen") {
		s.listens = append(s.listens, parseListen(d))
	}
	if len(s.listens) == 0 && !stream {
		s.listens = []listen{{host: "0.0.0.0", port: "80", pos: position(b)}}
	}
	on := first(b, "ssl")
	s.tls = on != nil && on.Arg(0) == "on"
	for i := range s.listens {
		s.listens[i].ssl = s.listens[i].ssl || s.tls
	}
	s.tls = slices.ContainsFunc(s.listens, func(l listen) bool { return l.ssl || l.quic })
	return s
}

// parseListen follows ngx_parse_url: a number is a port on every IPv4 address,
// an address alone means port 80.
func parseListen(d *node) listen {
	l := listen{pos: position(d)}
	a := d.Arg(0)
	switch host, port, err := net.SplitHostPort(a); {
	case strings.HasPrefix(a, "unix:"):
		l.unix = path.Clean(strings.TrimPrefix(a, "unix:"))
	case err == nil:
		l.host, l.port = host, port
	case isDigits(a):
		l.host, l.port = "0.0.0.0", a
	default:
		l.host, l.port = strings.Trim(a, "[]"), "80"
	}
	if l.host == "*" || l.host == "" {
		l.host = "0.0.0.0"
	}
	options := d.Args()[min(1, len(d.Args())):]
	has := func(word string) bool { return slices.Contains(options, word) }
	l.ssl, l.quic, l.udp, l.proxyProtocol = has("ssl"), has("quic"), has("udp"), has("proxy_protocol")
	l.def = has("default_server") || has("default")
	for _, o := range options {
		if backlog, ok := strings.CutPrefix(o, "backlog="); ok {
			l.backlog = backlog
		}
	}
	return l
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// namesOrEmpty is how nginx sees a server without server_name.
func (s *server) namesOrEmpty() []string {
	if len(s.names) == 0 {
		return []string{""}
	}
	return s.names
}
