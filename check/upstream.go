package check

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"
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
	pos  Position
}

func (p peer) String() string {
	if p.unix != "" {
		return "unix:" + p.unix
	}
	return p.addr.String()
}

var passes = []string{"proxy_pass", "grpc_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "memcached_pass"}

// collectUpstreams finds what nginx connects to on this host. Addresses behind
// variables, names and other hosts are left out.
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
		h.followPasses(ctx, named)
	}
}

func (h *host) followPasses(ctx *node, named map[string]*upstream) {
	for _, d := range find(ctx, passes...) {
		text := d.Arg(0)
		if strings.Contains(text, "$") {
			continue
		}
		target, port := stripScheme(text)
		u := named[strings.ToLower(target)]
		if u == nil {
			u = &upstream{name: target, pos: position(d)}
			u.add(target, port, d)
			named[strings.ToLower(target)] = u
		}
		if len(u.peers) == 0 {
			continue
		}
		if !slices.Contains(h.upstreams, u) {
			h.upstreams = append(h.upstreams, u)
		}
		u.uses = append(u.uses, d)
		if s := d.Within("server"); s != nil {
			for _, n := range newServer(s, ctx.Name() == "stream").sites() {
				if !slices.Contains(u.sites, n) {
					u.sites = append(u.sites, n)
				}
			}
		}
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
	target, _, _ = strings.Cut(text, "/")
	return target, port
}

// add notes an address if it is on this host.
func (u *upstream) add(address, port string, at *node) {
	p := peer{pos: position(at)}
	for _, a := range at.Args()[min(1, len(at.Args())):] {
		if a == "down" {
			return
		}
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
		host = "127.0.0.1"
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
	if h.listening.foreign || h.listens(p.addr) || h.env.Dial == nil {
		return ""
	}
	return h.tryConnect("tcp", p.addr.String())
}

// listens reports whether a socket of this namespace waits at addr. A wildcard
// of IPv6 takes connections of IPv4 too.
func (h *host) listens(addr netip.AddrPort) bool {
	return slices.ContainsFunc(h.listening.tcp, func(t tcpListener) bool {
		return t.addr.Port() == addr.Port() && (t.addr.Addr() == addr.Addr() || t.addr.Addr().IsUnspecified())
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
	for _, a := range h.apps {
		for _, s := range a.Slots {
			if s.SocketPath == path {
				return true
			}
		}
	}
	return false
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
	case errors.Is(err, syscall.EACCES):
		h.blindTo("file", address, "the socket "+address+" cannot be connected to", "run it as root")
		return ""
	}
	return plainNet(err)
}

func plainNet(err error) string {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err.Error()
	}
	return err.Error()
}

func upstreamRules() []Rule {
	return []Rule{
		{
			Code: "upstream-dead", Title: "nobody answers behind a site", Worst: Critical, Needs: []need{needConfig}, Twice: true,
			What: "An address on this host that nginx proxies to has no listener: a Unix socket that is missing, is no socket or is left over, or a loopback port that nobody holds. Critical when no address of the upstream is alive, else a warning. Found without sending a request; other hosts are not asked.",
			Why:  "nginx -t does not notice, and visitors get 502.",
			Fix:  "Start the app. For an adopted one: `edgeman status`, `edgeman logs APP`.",
			look: upstreamDead,
		},
		{
			Code: "socket-perm", Title: "nginx may not connect to a socket", Worst: Critical, Needs: []need{needConfig, needProcess},
			After: []string{"nginx-not-running"},
			What:  "The user that nginx's workers run as cannot walk to the socket or write to it.",
			Why:   "Every request gets 502, with \"Permission denied\" in the error log.",
			Fix:   "Give the socket nginx's group and mode 0660, and every directory on the way the x bit.",
			look:  socketPerm,
		},
		{
			Code: "keepalive-race", Title: "the app may close an idle connection before nginx does", Worst: Warning, Needs: []need{needConfig},
			What: "nginx keeps idle connections to an app for longer than five seconds (its default is 60). A warning for an adopted app, a notice for others.",
			Why:  "Most servers close idle connections after five seconds. When both act at the same moment a POST is lost: nginx never sends one twice.",
			Fix:  "`keepalive_timeout 4s;` in the upstream.",
			look: keepaliveRace,
		},
		{
			Code: "drain-long", Title: "kept-alive connections outlive the drain", Worst: Warning, Needs: []need{needConfig, needApps},
			What: "nginx may keep one connection to an adopted app open for longer than the app's drain timeout, because `keepalive_time` is an hour by default.",
			Why:  "A swap then waits for its whole drain timeout and cuts what is left.",
			Fix:  "`keepalive_time 5s;` in the upstream (nginx 1.19.10 or newer).",
			look: drainLong,
		},
	}
}

func upstreamDead(h *host) []Finding {
	var out []Finding
	for _, u := range h.upstreams {
		var dead []string
		var at []Position
		alive := 0
		for _, p := range u.peers {
			why := h.dead(p)
			if why == "" {
				alive++
				continue
			}
			dead = append(dead, p.String()+": "+why)
			at = append(at, p.pos)
		}
		if len(dead) == 0 {
			continue
		}
		f := Finding{
			Severity: Critical, Subject: Subject{"upstream", u.name}, Sites: u.sites, At: at,
			Message: "nothing answers behind " + u.name + " (" + few(dead) + ")", Hint: "start the app behind it; nginx answers 502 until then",
		}
		if alive > 0 {
			f.Severity, f.Message = Warning, fmt.Sprintf("%d of %d addresses behind %s are dead (%s)", len(dead), len(u.peers), u.name, few(dead))
		}
		if a := h.appOf(u); a != nil {
			f.Hint = "edgeman status " + a.Name + "; edgeman logs " + a.Name
		}
		out = append(out, f)
	}
	return out
}

// appOf is the adopted app behind the upstream, or nil.
func (h *host) appOf(u *upstream) *App {
	for i, a := range h.apps {
		if slices.ContainsFunc(u.peers, func(p peer) bool { return p.unix == a.Live }) {
			return &h.apps[i]
		}
	}
	return nil
}

func socketPerm(h *host) []Finding {
	var out []Finding
	seen := map[string]bool{}
	if !h.nginx.Running || h.env.CanConnect == nil {
		return nil
	}
	for _, u := range h.upstreams {
		for _, p := range u.peers {
			if p.unix == "" || seen[p.unix] {
				continue
			}
			seen[p.unix] = true
			err := h.env.CanConnect(h.nginx, p.unix)
			if err == nil || errors.Is(err, syscall.ENOENT) {
				continue
			}
			f := Finding{
				Severity: Critical, Subject: Subject{"file", p.unix}, Sites: u.sites, At: []Position{p.pos}, Message: err.Error(),
			}
			var hint interface{ Hint() string }
			if errors.As(err, &hint) {
				f.Hint = hint.Hint()
			}
			out = append(out, f)
		}
	}
	return out
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
	return h.version.AtLeast(Version{1, 29, 7})
}

// appIdle is after how long most app servers close an idle connection: Node,
// uvicorn and Apache after 5 s.
const appIdle = 5 * time.Second

func keepaliveRace(h *host) []Finding {
	var out []Finding
	for _, u := range h.upstreams {
		if !h.keeps(u) {
			continue
		}
		idle, at := 60*time.Second, u.pos
		if d := u.block.Last("keepalive_timeout"); d != nil {
			idle, at = nginxTime(d.Arg(0)), position(d)
		}
		if idle <= appIdle {
			continue
		}
		f := Finding{
			Severity: Notice, Subject: Subject{"upstream", u.name}, Sites: u.sites, At: []Position{at},
			Message: fmt.Sprintf("nginx keeps idle connections to %s for %s; an app that closes them sooner can lose a POST", u.name, days(idle)),
			Hint:    "keepalive_timeout 4s; in the upstream",
		}
		if h.appOf(u) != nil {
			f.Severity = Warning
		}
		out = append(out, f)
	}
	return out
}

func drainLong(h *host) []Finding {
	var out []Finding
	for _, u := range h.upstreams {
		a := h.appOf(u)
		if a == nil || !h.keeps(u) {
			continue
		}
		longest, at := time.Hour, u.pos
		if d := u.block.Last("keepalive_time"); d != nil {
			longest, at = nginxTime(d.Arg(0)), position(d)
		}
		if longest <= a.Drain {
			continue
		}
		out = append(out, Finding{
			Severity: Warning, Subject: Subject{"app", a.Name}, Sites: append([]string{a.Name}, u.sites...), At: []Position{at},
			Message: fmt.Sprintf("nginx keeps a busy connection to %s for up to %s, and a drain ends after %s", a.Name, days(longest), days(a.Drain)),
			Hint:    "keepalive_time 5s; in the upstream",
		})
	}
	return out
}

// nginxTime reads nginx's "1h 30m", "90s", "90" and "500ms"; what it cannot
// read is 0.
func nginxTime(s string) time.Duration {
	var total time.Duration
	units := []struct {
		suffix string
		unit   time.Duration
	}{{"ms", time.Millisecond}, {"s", time.Second}, {"m", time.Minute}, {"h", time.Hour}, {"d", day}, {"w", 7 * day}, {"", time.Second}}
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
		var n int
		if _, err := fmt.Sscanf(s[:digits], "%d", &n); err != nil || n > 1e9 {
			return 0
		}
		s = s[digits:]
		for _, u := range units {
			if rest, ok := strings.CutPrefix(s, u.suffix); ok {
				total, s = total+time.Duration(n)*u.unit, rest
				break
			}
		}
		if s != "" && (s[0] < '0' || s[0] > '9') && s[0] != ' ' {
			return 0
		}
	}
	return total
}
