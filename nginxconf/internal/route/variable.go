package route

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"edgeman/nginxconf/internal/config"
	"edgeman/nginxconf/internal/variables"
)

// PassValues returns what the argument of a pass can be: itself, or, when it has
// variables in front of its URI part, every value that they can give it and that
// nginx can use. It is empty when not all of them are known.
func (c *Finder) PassValues(pass *config.Node) []string {
	if !strings.Contains(pass.Arg(0), "$") {
		return []string{pass.Arg(0)}
	}
	var out []string
	values, refusal := c.Values(pass)
	if refusal != nil {
		for _, choice := range c.choices(pass) {
			out = append(out, choice.prefix+choice.upstream.Arg(0))
		}
		return out
	}
	for _, v := range values {
		if !unusable(pass, v) {
			out = append(out, v.Text)
		}
	}
	return out
}

// variableRoutes follows a pass whose argument has variables. It gives up,
// with a reason, unless every variable in front of the URI can only have
// values that are written in the configuration, or can choose between upstreams
// and nothing else.
func (c *Finder) variableRoutes(pass *config.Node) []Route {
	values, refusal := c.Values(pass)
	if refusal != nil {
		if out := c.choiceRoutes(pass); len(out) > 0 {
			return out
		}
		return []Route{{Pass: pass, Opaque: refusal}}
	}
	return c.valueRoutes(pass, values)
}

// valueRoutes are the ways to the values that a pass can have.
func (c *Finder) valueRoutes(pass *config.Node, values []variables.Value) []Route {
	var out []Route
	reason := variables.Opaque(pass, "a variable")
	unresolved := false
	for _, v := range values {
		a, ok := ParsePass(v.Text)
		switch {
		case unusable(pass, v):
			continue
		case !ok:
			return []Route{{Pass: pass, Opaque: reason}}
		case a.Unix == "" && a.Port == "" && c.Upstream(config.Side(pass), a.Host) != nil:
			out = append(out, serverRoutes(pass, c.Upstream(config.Side(pass), a.Host), a.Scheme)...)
			continue
		case !complete(pass, a):
			return []Route{{Pass: pass, Opaque: reason}}
		case !c.resolves(pass, a):
			unresolved = true
			reason = config.Refuse(pass.Pos(), "write 127.0.0.1 for the name of this machine, or give the server a resolver",
				"nginx cannot look up %s for %q: a name in an address with variables needs a resolver", a.Host, pass)
			continue
		}
		r := Route{Pass: pass, Scheme: a.Scheme, Addr: a, Class: literalClass(pass, a), Fallback: DefaultPorts[a.Scheme], Variable: true}
		if r.Class == ClassB {
			r.Class = ClassC // the name could be looked up elsewhere too
		}
		r.locate(v, len(values) == 1)
		out = append(out, r)
	}
	if len(out) == 0 {
		return []Route{{Pass: pass, Opaque: reason, Unresolved: unresolved}}
	}
	return out
}

// resolves reports whether nginx can find the host of a pass with variables
// while it runs: it is a number, a literal elsewhere made nginx look it up at
// start, or there is a resolver.
func (c *Finder) resolves(pass *config.Node, a Address) bool {
	if _, err := netip.ParseAddr(strings.Trim(a.Host, "[]")); err == nil || a.Unix != "" || config.Side(pass) != "http" || pass.Effective("resolver") != nil {
		return true
	}
	port := cmp.Or(a.Port, DefaultPorts[a.Scheme])
	return slices.ContainsFunc(c.Passes(), func(other *config.Node) bool {
		if config.Side(other) != "http" || strings.Contains(other.Arg(0), "$") {
			return false
		}
		r := c.Routes(other)[0]
		return r.Upstream == nil && r.Opaque == nil && strings.EqualFold(r.Addr.Host, a.Host) && r.Port() == port
	})
}

// unusable reports whether nginx answers with an error when the argument of a
// pass has that value: it names no host, or the wrong protocol.
func unusable(pass *config.Node, v variables.Value) bool {
	a, _ := ParsePass(v.Text)
	return !variables.HasAuthority(v) || !takes(pass, a)
}
