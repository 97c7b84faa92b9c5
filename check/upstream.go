package check

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"edgeman/sockets/count"
)

// upstream is something that nginx connects to: a named upstream block, or an
// address that a pass directive names itself.
type upstream struct {
	name  string
	block *node // nil for a literal address
	pos   Position
	peers []peer
	sites []string
	uses  []*node // the pass directives
}

// peer is one address of an upstream.
type peer struct {
	unix string
	addr netip.AddrPort // a loopback address
	both bool           // named localhost: nginx tries ::1 as well
	pos  Position
}

func (p peer) String() string {
	if p.unix != "" {
		return "unix:" + p.unix
	}
	return p.addr.String()
}

var passes = []string{"proxy_pass", "grpc_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "memcached_pass"}

// collectUpstreams finds what nginx connects to on this host. Variables are
// followed where the configuration has all their values; names and other hosts
// are left out.
func (h *host) collectUpstreams() {
	for _, ctx := range h.root.Children() {
		if ctx.Name() != "http" && ctx.Name() != "stream" {
			continue
		}
		named := map[string]*upstream{}
		for _, b := range ctx.All("upstream") {
			u := &upstream{name: b.Arg(0), block: b, pos: position(b)}
			for _, s := range b.All("server") {
				u.add(s.Arg(0), "80", s)
			}
			named[strings.ToLower(u.name)] = u
		}
		for _, d := range find(ctx, passes...) {
			for _, text := range h.config.PassValues(d) {
				h.followPass(ctx, named, d, text)
			}
		}
	}
}

// followPass notes that d sends requests to the address or upstream in text.
func (h *host) followPass(ctx *node, named map[string]*upstream, d *node, text string) {
	target, port := stripScheme(text)
	u := named[strings.ToLower(target)]
	if u == nil {
		u = &upstream{name: target, pos: position(d)}
		u.add(target, port, d)
		named[strings.ToLower(target)] = u
	}
	if len(u.peers) == 0 {
		return
	}
	h.upstreams = appendNew(h.upstreams, u)
	u.uses = append(u.uses, d)
	if s := d.Within("server"); s != nil {
		u.sites = appendNew(u.sites, newServer(s, ctx.Name() == "stream").sites()...)
	}
}

// stripScheme takes the authority out of a pass parameter.
func stripScheme(text string) (target, port string) {
	port = "80"
	for scheme, p := range map[string]string{"http://": "80", "https://": "443", "grpc://": "80", "grpcs://": "443"} {
		if rest, ok := strings.CutPrefix(text, scheme); ok {
			text, port = rest, p
		}
	}
	if strings.HasPrefix(text, "unix:") {
		path, _, _ := strings.Cut(strings.TrimPrefix(text, "unix:"), ":")
		return "unix:" + path, port
	}
	if i := strings.IndexAny(text, "/$"); i >= 0 {
		text = text[:i] // $request_uri and the like begin with a slash
	}
	return text, port
}

// add notes an address if it is on this host.
func (u *upstream) add(address, port string, at *node) {
	p := peer{pos: position(at)}
	if slices.Contains(at.Args()[min(1, len(at.Args())):], "down") {
		return
	}
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		p.unix = path
		u.peers = append(u.peers, p)
		return
	}
	host, hostPort, err := net.SplitHostPort(address)
	if err != nil {
		host, hostPort = strings.Trim(address, "[]"), port
	}
	if strings.EqualFold(host, "localhost") {
		host, p.both = "127.0.0.1", true
	}
	addr, err := netip.ParseAddrPort(net.JoinHostPort(host, hostPort))
	if err == nil && addr.Addr().IsLoopback() {
		p.addr = addr
		u.peers = append(u.peers, p)
	}
}

// dead says why nobody would answer at p, or "". It looks for a listener in
// /proc first: a connection to a socket that waits for its service would start
// it. Only where there is none does it connect, and it sends nothing.
func (h *host) dead(p peer) string {
	if p.unix != "" {
		return h.deadUnix(p.unix)
	}
	six := netip.AddrPortFrom(netip.IPv6Loopback(), p.addr.Port())
	if h.listening.foreign || h.listens(p.addr) || p.both && h.listens(six) || h.env.Dial == nil {
		return ""
	}
	if p.both && h.tryConnect("tcp", six.String()) == "" {
		return ""
	}
	return h.tryConnect("tcp", p.addr.String())
}

// listens reports whether a socket of this namespace waits at addr. A wildcard
// of IPv6 takes connections of IPv4 too.
func (h *host) listens(addr netip.AddrPort) bool {
	return slices.ContainsFunc(h.listening.tcp, func(t count.TCPSocket) bool {
		return t.Local.Port() == addr.Port() && (t.Local.Addr() == addr.Addr() || t.Local.Addr().IsUnspecified())
	})
}

func (h *host) deadUnix(path string) string {
	real := h.resolved(path)
	if h.listening.unix[path] || h.listening.unix[real] {
		return ""
	}
	for bound := range h.listening.unix {
		if h.resolved(bound) == real {
			return ""
		}
	}
	info, err := h.env.FS.Stat(path)
	switch {
	case h.refusedToUser(err):
		return ""
	case errors.Is(err, syscall.EACCES):
		h.blindTo("file", path, "the socket "+path+" cannot be seen", "run it as root")
		return ""
	case err != nil:
		return plainError(err).Error()
	case info.Mode()&fs.ModeSocket == 0:
		return "is not a socket"
	case h.owned(real):
		return "nobody listens"
	}
	return h.tryConnect("unix", path)
}

// owned reports whether the path is a slot's: nobody but systemd may listen
// there, so there is no need to ask by connecting.
func (h *host) owned(path string) bool {
	return slices.ContainsFunc(h.apps, func(a app) bool {
		return slices.ContainsFunc(a.Slots, func(s slot) bool { return s.SocketDir == filepath.Dir(path) })
	})
}

func (h *host) tryConnect(network, address string) string {
	ctx, cancel := context.WithTimeout(h.ctx, time.Second)
	defer cancel()
	c, err := h.env.Dial(ctx, network, address)
	switch {
	case err == nil:
		c.Close()
		return ""
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nobody listens"
	case errors.Is(err, syscall.ENOENT):
		return "it is not there"
	case errors.Is(err, syscall.EAGAIN):
		return "" // its queue is full: it is alive
	case h.refusedToUser(err):
		return ""
	case errors.Is(err, syscall.EACCES):
		h.blindTo("file", address, "the socket "+address+" cannot be connected to", "run it as root")
		return ""
	}
	return plainNet(err)
}

// keeps reports whether nginx keeps connections to the upstream open: when told
// to, and without being told since 1.29.7.
func (h *host) keeps(u *upstream) bool {
	if u.block == nil {
		return false
	}
	if k := u.block.Last("keepalive"); k != nil {
		return k.Arg(0) != "0"
	}
	return h.version.AtLeast(version{1, 29, 7})
}
