package route

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"edgeman/nginxconf/internal/config"
	"edgeman/nginxconf/internal/lex"
	"edgeman/nginxconf/internal/regular"
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

// choice is an upstream that a pass can name by a variable whose values the
// configuration does not spell: a part of the URL, a cookie, the name of the
// host. What it names beyond the configuration's upstreams is not on this host.
type choice struct {
	upstream *config.Node
	prefix   string // "http://"
}

// unlikely is a name that only a variable without any limits can have.
const unlikely = "edgeman-no-such-name"

// choices returns the upstreams that a pass can name by its variables, none if
// it could also name an address by number: then the client chooses.
func (c *Finder) choices(pass *config.Node) []choice {
	l, err := c.Language(pass, pass.Arg(0))
	if err != nil {
		return nil
	}
	var out []choice
	for _, prefix := range prefixes(pass) {
		if l.HasNumbers(prefix) {
			return nil
		}
		any := l.HasPrefix(prefix + unlikely)
		for _, up := range c.Upstreams() {
			if config.Side(up) != config.Side(pass) || !l.Has(prefix+up.Arg(0), "/?") || any && !c.meant(pass, up) {
				continue
			}
			out = append(out, choice{up, prefix})
		}
	}
	return out
}

// prefixes returns what a pass may have in front of a name.
func prefixes(pass *config.Node) []string {
	list := schemes[config.Module(pass)]
	if list == nil || config.Side(pass) != "http" {
		return []string{""}
	}
	var out []string
	for _, s := range list {
		if s != "" {
			s += "://"
		}
		out = append(out, s)
	}
	return out
}

// meant reports whether an upstream is meant by a variable that can have any
// value: it stands in the same file, or has the name of the server. Those that
// edgeman named are not.
func (c *Finder) meant(pass, up *config.Node) bool {
	if strings.HasPrefix(up.Arg(0), "edgeman-") {
		return false
	}
	if up.Directive().File == pass.Directive().File {
		return true
	}
	for _, names := range pass.Within("server").All("server_name") {
		if slices.ContainsFunc(names.Args(), func(a string) bool { return matchesName(a, strings.ToLower(up.Arg(0))) }) {
			return true
		}
	}
	return false
}

// matchesName reports whether a server's name, as it is configured, stands for
// a host.
func matchesName(name, host string) bool {
	name = strings.ToLower(name)
	expr := "(?s:" + variables.Expression(name) + ")"
	switch {
	case strings.HasPrefix(name, "~"):
		l, err := regular.Compile(expr)
		return err == nil && l.Has(host, "")
	case strings.HasPrefix(name, "*."):
		return strings.HasSuffix(host, name[1:])
	case strings.HasPrefix(name, "."):
		return host == name[1:] || strings.HasSuffix(host, name)
	case strings.HasSuffix(name, ".*"):
		return strings.HasPrefix(host, name[:len(name)-1])
	}
	return name == host
}

func (c *Finder) choiceRoutes(pass *config.Node) []Route {
	var out []Route
	for _, ch := range c.choices(pass) {
		for _, r := range serverRoutes(pass, ch.upstream, strings.TrimSuffix(ch.prefix, "://")) {
			r.Variable = true
			out = append(out, r)
		}
	}
	return out
}

// locate finds the piece that holds the whole address, so that it can be
// edited. When the pass can have one value only, it can be edited itself as well.
// Otherwise the route stays readable but not editable.
func (r *Route) locate(v variables.Value, single bool) {
	a := r.Addr
	pos := 0
	own := &spelling{From: -1}
	for _, p := range v.Pieces {
		end := pos + len(p.Text)
		whole := p.At != r.Pass
		if a.Start >= pos && a.End <= end && p.At != nil {
			r.At, r.Arg = p.At, p.Arg
			r.Addr.Start += p.From - pos
			r.Addr.End += p.From - pos
		}
		switch {
		case end <= a.Start || pos >= a.End:
			own.Variables = own.Variables || whole
		case whole:
			own.Before += p.Text[:max(0, a.Start-pos)]
			own.After += p.Text[min(len(p.Text), max(0, a.End-pos)):]
			own.take(p.PassFrom, p.PassTo)
		default:
			own.take(p.PassFrom+max(0, a.Start-pos), p.PassTo-max(0, end-a.End))
		}
		pos = end
	}
	own.Variables = own.Variables || strings.Contains(a.URI, "$")
	if single && own.From >= 0 && !strings.ContainsFunc(own.Before+own.After, lex.NeedsQuotes) {
		r.Own = own
	}
}

// spelling is the part of a pass's argument that its host and port come from:
// the bytes [from, to), and what else the variables there stand for.
type spelling struct {
	From, To      int
	Before, After string
	Variables     bool // there are others outside of it
}

func (s *spelling) take(from, to int) {
	if s.From < 0 {
		s.From = from
	}
	s.To = to
}
