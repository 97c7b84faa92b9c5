// Package route follows pass directives to the addresses where they end: through
// upstreams, and through variables as far as the configuration spells their values.
package route

import (
	"strings"
	"sync"

	"edgeman/nginxconf/internal/config"
	"edgeman/nginxconf/internal/variables"
)

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
