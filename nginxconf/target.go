package nginxconf

import (
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// Class says how an address is taken over; see the package documentation.
type Class string

// The classes of edit.
const (
	ClassA Class = "A" // the address token is replaced, nothing else depends on it
	ClassB Class = "B" // an upstream of the very name that proxy_pass spells is added
	ClassC Class = "C" // host:port in proxy_pass becomes a new upstream, compensated
)

// Use is one place that sends requests to a target.
type Use struct {
	Pos      Pos    `json:"pos"`      // of the pass directive
	In       string `json:"in"`       // "server example.com, location /api"
	Text     string `json:"text"`     // "proxy_pass http://my_app"
	Address  string `json:"address"`  // as written: host:port or unix:path
	Upstream string `json:"upstream"` // name of the upstream it goes through, "" for a literal
	Server   Pos    `json:"server"`   // of the upstream's server line, zero for a literal
	Class    Class  `json:"class"`
	Site     bool   `json:"site"` // belongs to the site that was asked about

	route route
}

// Target is what a site sends requests to, with every directive that does so.
// All spellings of one place are one target; see Config.Locate.
type Target struct {
	Address   string         `json:"address"`            // as first written: host:port or unix:path
	Addr      netip.AddrPort `json:"addr"`               // the same in numbers, invalid when the host is a name
	Upstream  string         `json:"upstream,omitempty"` // name of the first upstream that holds it
	Servers   int            `json:"servers,omitempty"`  // server lines of that upstream
	Class     Class          `json:"class"`              // the most intrusive class among the uses
	Protocol  string         `json:"protocol"`           // "http", "https", "fastcgi", "grpc", "stream", ...
	Keepalive bool           `json:"keepalive"`          // an upstream of it keeps connections alive by configuration
	Uses      []Use          `json:"uses"`               // of the site
	Elsewhere []Use          `json:"elsewhere"`          // uses outside the site
	Refusal   *Refusal       `json:"refusal,omitempty"`  // why it cannot be taken over; nil if it can

	place string // its name, see Places
}

// route is one way from a pass directive to an address.
type route struct {
	pass     *Node
	upstream *Node // nil for a literal
	server   *Node // the upstream's server line, nil for a literal
	addr     address
	scheme   string // of the pass, "" if it has none
	at       *Node  // the directive whose argument arg spells a literal
	arg      int
	own      *spelling // how the pass spells a literal itself, nil if it cannot be edited there
	variable bool      // the address is found through variables
	class    Class
	fallback string   // port when none is written
	opaque   *Refusal // the address is not in the text

	unresolved bool // opaque, as nginx answers it with an error
}

// finder finds where the passes of a configuration lead.
type finder struct {
	*variables
	where    Places   // may be nil
	followed sync.Map // pass: its routes
}

// newFinder takes addresses for the same only if they are spelled alike, until
// Locate was called.
func newFinder(c *conf) *finder { return &finder{variables: newVariables(c)} }

// Locate tells what answers where.
func (c *finder) Locate(where Places) { c.where = where }

// With is the finder of the configuration with other bytes in some of its files.
func (c *finder) With(files map[string][]byte) (*finder, error) {
	next, err := c.conf.With(files)
	if err != nil {
		return nil, err
	}
	return &finder{variables: newVariables(next), where: c.where}, nil
}

// routes returns the ways that lead from one pass directive to addresses. The
// caller must not change the slice.
func (c *finder) routes(pass *Node) []route {
	if known, ok := c.followed.Load(pass); ok {
		return known.([]route)
	}
	out := c.follow(pass)
	c.followed.Store(pass, out)
	return out
}

func (c *finder) follow(pass *Node) []route {
	arg := pass.Arg(0)
	if !placed(pass) {
		return []route{{pass: pass, opaque: refuse(pass.Pos(), "", "%q is not understood here", pass)}}
	}
	if strings.Contains(arg, "$") {
		return c.variableRoutes(pass)
	}
	a, ok := parsePass(arg)
	if !ok || !takes(pass, a) {
		return []route{{pass: pass, opaque: refuse(pass.Pos(), "", "the address in %q is not understood", pass)}}
	}
	if a.unix == "" && a.port == "" {
		if up := c.upstream(side(pass), a.host); up != nil {
			return serverRoutes(pass, up, a.scheme)
		}
	}
	if !complete(pass, a) {
		return []route{{pass: pass, opaque: refuse(pass.Pos(), "", "%q names neither an upstream nor a host and port", pass)}}
	}
	return []route{{pass: pass, scheme: a.scheme, at: pass, addr: a, class: literalClass(pass, a), fallback: defaultPorts[a.scheme]}}
}

// complete reports whether nginx takes the literal: only proxy_pass in http has
// a URI part and knows a default port.
func complete(pass *Node, a address) bool {
	if side(pass) == "http" && moduleOf(pass) == "proxy" {
		return true
	}
	return a.uri == "" && (a.unix != "" || a.port != "")
}

// placed reports whether a pass stands where nginx takes one: in a server, or
// in nothing but locations and conditions inside one.
func placed(pass *Node) bool {
	n := pass.parent
	for n.Name() == "location" || n.Name() == "if" || n.Name() == "limit_except" {
		n = n.parent
	}
	return n.Name() == "server" && (n.parent.Name() == "http" || n.parent.Name() == "stream")
}

// literalClass decides how a literal address is edited. Only proxy and grpc in
// http derive anything from the address; for the others it is just an address.
func literalClass(pass *Node, a address) Class {
	module := moduleOf(pass)
	switch {
	case side(pass) != "http" || (module != "proxy" && module != "grpc"):
		return ClassA
	case a.port == "" && a.unix == "":
		return ClassB
	}
	return ClassC
}

// serverRoutes returns the ways through an upstream.
func serverRoutes(pass, up *Node, scheme string) []route {
	var out []route
	for _, s := range up.All("server") {
		if slices.Contains(s.Args(), "down") {
			continue
		}
		a, ok := parseServer(s.Arg(0))
		r := route{pass: pass, scheme: scheme, upstream: up, server: s, addr: a, class: ClassA, fallback: "80"}
		if !ok {
			r.opaque = refuse(s.Pos(), "", "the address in %q is not understood", s)
		}
		out = append(out, r)
	}
	if len(out) == 0 {
		reason := refuse(up.Pos(), "", "upstream %s has no server line that is in use, so the text does not say where requests go", up.Arg(0))
		out = append(out, route{pass: pass, upstream: up, opaque: reason})
	}
	return out
}

// Targets returns what a site sends requests to, in the order of the file. The
// site is a configuration file: a path as in sites-available or sites-enabled,
// symlinks are followed. It owns the pass directives that stand in it, those in
// the servers and locations that it opens, and those that use an upstream it
// defines. The error is a *Refusal when the file is not part of the
// configuration.
func (c *Config) Targets(site string) ([]Target, error) {
	real, err := c.Resolve(site)
	if err != nil {
		return nil, err
	}
	out := c.collect(real)
	for i := range out {
		renames, refusal := c.trial(out[i : i+1])
		out[i].Refusal = refusal
		if renames {
			out[i].Class = ClassC // a name without a port that is not free
		}
	}
	return out, nil
}

// collect groups all routes by address and keeps the groups the site uses.
func (c *Config) collect(site string) []Target {
	var keys []string
	byKey := map[string]*Target{}
	for _, pass := range c.passes {
		for _, r := range c.finder.routes(pass) {
			key := c.finder.placeOf(r)
			t := byKey[key]
			if t == nil {
				t = &Target{place: key}
				byKey[key] = t
				keys = append(keys, key)
			}
			t.add(r, owns(site, r))
		}
	}
	var out []Target
	for _, k := range keys {
		if t := byKey[k]; len(t.Uses) > 0 {
			out = append(out, *t)
		}
	}
	return out
}

func (t *Target) add(r route, inSite bool) {
	u := Use{Pos: r.pass.Pos(), In: r.pass.parent.Path(), Text: r.pass.String(), Address: r.text(), Class: r.class, Site: inSite, route: r}
	if r.upstream != nil {
		u.Upstream = r.upstream.Arg(0)
	}
	if r.server != nil {
		u.Server = r.server.Pos()
	}
	if !inSite {
		t.Elsewhere = append(t.Elsewhere, u)
		return
	}
	if len(t.Uses) == 0 {
		t.Address, t.Addr, t.Protocol = r.text(), r.addr.addrPort(r.fallback), r.protocol()
	}
	t.Class = max(t.Class, r.class)
	if r.upstream != nil {
		t.Keepalive = t.Keepalive || r.upstream.Last("keepalive") != nil
		if t.Upstream == "" {
			t.Upstream, t.Servers = u.Upstream, len(r.upstream.All("server"))
		}
	}
	t.Uses = append(t.Uses, u)
}

// text is the address as written.
func (r route) text() string {
	switch {
	case r.opaque != nil:
		return r.pass.Arg(0)
	case r.addr.unix != "":
		return "unix:" + r.addr.unix
	case r.addr.port == "" && r.fallback != "":
		return r.addr.host + ":" + r.fallback
	case r.addr.port == "":
		return r.addr.host
	}
	return r.addr.host + ":" + r.addr.port
}

func (r route) protocol() string {
	if side(r.pass) == "stream" {
		return "stream"
	}
	if r.scheme != "" {
		return r.scheme
	}
	if m := moduleOf(r.pass); m != "proxy" {
		return m
	}
	return "http"
}

// owns reports whether a site file owns a route.
func owns(site string, r route) bool {
	if r.upstream != nil && r.upstream.dir.File.Path == site {
		return true
	}
	for n := r.pass; n != nil && n.dir != nil; n = n.parent {
		if n.dir.File.Path == site {
			return true
		}
		if n.Name() == "server" {
			return false
		}
	}
	return false
}
