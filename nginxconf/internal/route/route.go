// Package route follows pass directives to the addresses where they end: through
// upstreams, and through variables as far as the configuration spells their values.
package route

import (
	"cmp"
	"strings"
	"sync"

	"edgeman/nginxconf/internal/config"
	"edgeman/nginxconf/internal/variables"
)

// Route is one way from a pass directive to an address.
type Route struct {
	Pass     *config.Node
	Upstream *config.Node // nil for a literal
	Server   *config.Node // the upstream's server line, nil for a literal
	Addr     Address
	Scheme   string       // of the pass, "" if it has none
	At       *config.Node // the directive whose argument arg spells a literal
	Arg      int
	Own      *spelling // how the pass spells a literal itself, nil if it cannot be edited there
	Variable bool      // the address is found through variables
	Class    Class
	Fallback string          // port when none is written
	Opaque   *config.Refusal // the address is not in the text

	Unresolved bool // opaque, as nginx answers it with an error
}

// HostHeader is what nginx puts into $proxy_host and the default Host header:
// the host, and the port unless it is the scheme's own.
func (r Route) HostHeader() string {
	if r.Addr.Port == "" || r.Addr.Port == r.Fallback {
		return r.Addr.Host
	}
	return r.Addr.Host + ":" + r.Addr.Port
}

// ProxyHost is $proxy_host: an upstream's name, as the pass spells it if it does
// (ngx_http_proxy_set_vars), or the host and port of a literal.
func (r Route) ProxyHost() string {
	if r.Upstream == nil {
		return r.HostHeader()
	}
	if a, ok := ParsePass(r.Pass.Arg(0)); ok {
		return a.Host
	}
	return r.Upstream.Arg(0)
}

func (r Route) Port() string {
	return cmp.Or(r.Addr.Port, r.Fallback)
}

// Class says how an address is taken over; see the package documentation.
type Class string

// The classes of edit.
const (
	ClassA Class = "A" // the address token is replaced, nothing else depends on it
	ClassB Class = "B" // an upstream of the very name that proxy_pass spells is added
	ClassC Class = "C" // host:port in proxy_pass becomes a new upstream, compensated
)

// literalClass decides how a literal address is edited. Only proxy and grpc in
// http derive anything from the address; for the others it is just an address.
func literalClass(pass *config.Node, a Address) Class {
	module := config.Module(pass)
	switch {
	case config.Side(pass) != "http" || (module != "proxy" && module != "grpc"):
		return ClassA
	case a.Port == "" && a.Unix == "":
		return ClassB
	}
	return ClassC
}

// Text is the address as written.
func (r Route) Text() string {
	switch {
	case r.Opaque != nil:
		return r.Pass.Arg(0)
	case r.Addr.Unix != "":
		return "unix:" + r.Addr.Unix
	case r.Port() == "":
		return r.Addr.Host
	}
	return r.Addr.Host + ":" + r.Port()
}

func (r Route) Protocol() string {
	if config.Side(r.Pass) == "stream" {
		return "stream"
	}
	if r.Scheme != "" {
		return r.Scheme
	}
	if m := config.Module(r.Pass); m != "proxy" {
		return m
	}
	return "http"
}

// Finder finds where the passes of a configuration lead.
type Finder struct {
	*variables.Variables
	where    Places   // may be nil
	followed sync.Map // pass: its routes
}

// NewFinder takes addresses for the same only if they are spelled alike, until
// Locate was called.
func NewFinder(c *config.Config) *Finder { return &Finder{Variables: variables.New(c)} }

// Locate tells what answers where.
func (c *Finder) Locate(where Places) { c.where = where }

// With is the finder of the configuration with other bytes in some of its files.
func (c *Finder) With(files map[string][]byte) (*Finder, error) {
	next, err := c.Config.With(files)
	if err != nil {
		return nil, err
	}
	return &Finder{Variables: variables.New(next), where: c.where}, nil
}

// Routes returns the ways that lead from one pass directive to addresses. The
// caller must not change the slice.
func (c *Finder) Routes(pass *config.Node) []Route {
	if known, ok := c.followed.Load(pass); ok {
		return known.([]Route)
	}
	out := c.follow(pass)
	c.followed.Store(pass, out)
	return out
}

func (c *Finder) follow(pass *config.Node) []Route {
	arg := pass.Arg(0)
	if !placed(pass) {
		return []Route{{Pass: pass, Opaque: config.Refuse(pass.Pos(), "", "%q is not understood here", pass)}}
	}
	if strings.Contains(arg, "$") {
		return c.variableRoutes(pass)
	}
	a, ok := ParsePass(arg)
	if !ok || !takes(pass, a) {
		return []Route{{Pass: pass, Opaque: config.Refuse(pass.Pos(), "", "the address in %q is not understood", pass)}}
	}
	if a.Unix == "" && a.Port == "" {
		if up := c.Upstream(config.Side(pass), a.Host); up != nil {
			return serverRoutes(pass, up, a.Scheme)
		}
	}
	if !complete(pass, a) {
		return []Route{{Pass: pass, Opaque: config.Refuse(pass.Pos(), "", "%q names neither an upstream nor a host and port", pass)}}
	}
	return []Route{{Pass: pass, Scheme: a.Scheme, At: pass, Addr: a, Class: literalClass(pass, a), Fallback: DefaultPorts[a.Scheme]}}
}

// complete reports whether nginx takes the literal: only proxy_pass in http has
// a URI part and knows a default port.
func complete(pass *config.Node, a Address) bool {
	if config.Side(pass) == "http" && config.Module(pass) == "proxy" {
		return true
	}
	return a.URI == "" && (a.Unix != "" || a.Port != "")
}

// placed reports whether a pass stands where nginx takes one: in a server, or
// in nothing but locations and conditions inside one.
func placed(pass *config.Node) bool {
	n := pass.Parent()
	for n.Name() == "location" || n.Name() == "if" || n.Name() == "limit_except" {
		n = n.Parent()
	}
	return n.Name() == "server" && (n.Parent().Name() == "http" || n.Parent().Name() == "stream")
}
