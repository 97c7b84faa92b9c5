package nginxconf

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
)

// maxValues bounds the values that the variables of one pass may take together.
const maxValues = 64

// value is one value that the argument of a pass can have, and the piece of
// text that its host and port stand in.
type value struct {
	text   string
	pieces []piece
}

// piece is a part of a value and where it is written: an argument of a
// directive, without quotes, from offset from; at is nil where it is put
// together. The pass spells it in the bytes [passFrom, passTo) of its own
// argument, as text or as a variable.
type piece struct {
	text     string
	at       *Node
	arg      int
	from     int
	passFrom int
	passTo   int
}

// PassValues returns what the argument of a pass can be: itself, or, when it has
// variables in front of its URI part, every value that they can give it and that
// nginx can use. It is empty when not all of them are known.
func (c *finder) PassValues(pass *Node) []string {
	if !strings.Contains(pass.Arg(0), "$") {
		return []string{pass.Arg(0)}
	}
	var out []string
	values, refusal := c.values(pass)
	if refusal != nil {
		for _, choice := range c.choices(pass) {
			out = append(out, choice.prefix+choice.upstream.Arg(0))
		}
		return out
	}
	for _, v := range values {
		if !unusable(pass, v) {
			out = append(out, v.text)
		}
	}
	return out
}

// variableRoutes follows a pass whose argument has variables. It gives up,
// with a reason, unless every variable in front of the URI can only have
// values that are written in the configuration, or can choose between upstreams
// and nothing else.
func (c *finder) variableRoutes(pass *Node) []route {
	values, refusal := c.values(pass)
	if refusal != nil {
		if out := c.choiceRoutes(pass); len(out) > 0 {
			return out
		}
		return []route{{pass: pass, opaque: refusal}}
	}
	return c.valueRoutes(pass, values)
}

// valueRoutes are the ways to the values that a pass can have.
func (c *finder) valueRoutes(pass *Node, values []value) []route {
	var out []route
	reason := opaque(pass, "a variable")
	unresolved := false
	for _, v := range values {
		a, ok := parsePass(v.text)
		switch {
		case unusable(pass, v):
			continue
		case !ok:
			return []route{{pass: pass, opaque: reason}}
		case a.unix == "" && a.port == "" && c.upstream(side(pass), a.host) != nil:
			out = append(out, serverRoutes(pass, c.upstream(side(pass), a.host), a.scheme)...)
			continue
		case !complete(pass, a):
			return []route{{pass: pass, opaque: reason}}
		case !c.resolves(pass, a):
			unresolved = true
			reason = refuse(pass.Pos(), "write 127.0.0.1 for the name of this machine, or give the server a resolver",
				"nginx cannot look up %s for %q: a name in an address with variables needs a resolver", a.host, pass)
			continue
		}
		r := route{pass: pass, scheme: a.scheme, addr: a, class: literalClass(pass, a), fallback: defaultPorts[a.scheme], variable: true}
		if r.class == ClassB {
			r.class = ClassC // the name could be looked up elsewhere too
		}
		r.locate(v, len(values) == 1)
		out = append(out, r)
	}
	if len(out) == 0 {
		return []route{{pass: pass, opaque: reason, unresolved: unresolved}}
	}
	return out
}

// resolves reports whether nginx can find the host of a pass with variables
// while it runs: it is a number, a literal elsewhere made nginx look it up at
// start, or there is a resolver.
func (c *finder) resolves(pass *Node, a address) bool {
	if _, err := netip.ParseAddr(strings.Trim(a.host, "[]")); err == nil || a.unix != "" || side(pass) != "http" || pass.Effective("resolver") != nil {
		return true
	}
	port := cmp.Or(a.port, defaultPorts[a.scheme])
	return slices.ContainsFunc(c.passes, func(other *Node) bool {
		if side(other) != "http" || strings.Contains(other.Arg(0), "$") {
			return false
		}
		r := c.routes(other)[0]
		return r.upstream == nil && r.opaque == nil && strings.EqualFold(r.addr.host, a.host) && r.port() == port
	})
}

// unusable reports whether nginx answers with an error when the argument of a
// pass has that value: it names no host, or the wrong protocol.
func unusable(pass *Node, v value) bool {
	a, _ := parsePass(v.text)
	return !hasAuthority(v) || !takes(pass, a)
}

// mayReach returns one of the addresses that a pass can get from a variable of
// which not all values are known, "" if it gets none of those that go.
func (p *planner) mayReach(pass *Node) string {
	if first := p.c.routes(pass)[0]; first.opaque == nil || first.unresolved {
		return ""
	}
	for _, value := range p.c.written(pass, pass.Arg(0)) {
		if a, ok := parsePass(value); ok && p.touches(a, "80") {
			return value
		}
	}
	return ""
}

// written returns what the sets of a server and the rows of tables give the
// variables in a text.
func (c *variables) written(at *Node, text string) []string {
	var out []string
	for n, name := 0, ""; text != ""; text = text[n:] {
		n, name = reference(text)
		rows := slices.Clone(c.sets[variable{at.Within("server"), name}])
		for _, d := range c.definitions[name] {
			rows = append(rows, d.children...)
		}
		for _, row := range rows {
			out = append(out, row.Arg(len(row.Args())-1))
		}
	}
	return out
}

func opaque(pass *Node, variable string) *Refusal {
	return refuse(pass.Pos(), "write the address or an upstream's name into "+pass.Name(),
		"%q takes its address from %s, and the configuration does not say all that it can be", pass, variable)
}

// values returns every value that the argument of a pass can have up to its
// URI part, which is kept as written. Those that end before a host is named are
// among them.
func (c *variables) values(pass *Node) ([]value, *Refusal) {
	start, end := pass.dir.Arg(0).Inner()
	arg := string(pass.dir.File.Src[start:end])
	if strings.Contains(arg, `\`) {
		return nil, opaque(pass, "a variable")
	}
	out := []value{{}}
	for i := 0; i < len(arg); {
		if c.atURI(pass, out, arg, i) {
			return extend(out, []piece{literalPiece(pass, arg, i, len(arg))}), nil
		}
		n, name := reference(arg[i:])
		next := []piece{literalPiece(pass, arg, i, i+n)}
		if name != "" {
			var ok bool
			if next, ok = c.constants(pass, name, 0); !ok {
				return nil, opaque(pass, arg[i:i+n])
			}
			for k := range next {
				next[k].passFrom, next[k].passTo = i, i+n
			}
		}
		if out = extend(out, next); len(out) > maxValues {
			return nil, opaque(pass, "variables with too many values")
		}
		i += n
	}
	return out, nil
}

// atURI reports whether the URI part begins at offset i of a pass's argument,
// or began before, in all values that name a host up to there.
func (c *variables) atURI(pass *Node, values []value, arg string, i int) bool {
	named := slices.ContainsFunc(values, hasAuthority)
	begun := !slices.ContainsFunc(values, func(v value) bool { return hasAuthority(v) && !inURI(v) })
	return named && (begun || c.startsURI(pass, arg[i:]))
}

func literalPiece(pass *Node, arg string, from, to int) piece {
	return piece{text: arg[from:to], at: pass, from: from, passFrom: from, passTo: to}
}

// inURI reports whether a value has got to its URI part.
func inURI(v value) bool {
	_, rest, found := strings.Cut(v.text, "://")
	if !found {
		rest = v.text
	}
	return strings.ContainsAny(rest, "/?")
}

// hasAuthority reports whether a value has got to a host or a port.
func hasAuthority(v value) bool {
	_, rest, found := strings.Cut(v.text, "://")
	if !found {
		rest = v.text
	}
	return rest != "" && rest[0] != '/' && rest[0] != '?' && rest[0] != '$' && rest[0] != ':'
}

// reference returns the length of the literal text at the beginning of s, or
// of the variable there and its name in lower case.
func reference(s string) (n int, name string) {
	if !strings.HasPrefix(s, "$") {
		if n = strings.IndexByte(s, '$'); n < 0 {
			n = len(s)
		}
		return n, ""
	}
	if strings.HasPrefix(s, "${") {
		if end := strings.IndexByte(s, '}'); end > 0 {
			return end + 1, strings.ToLower(s[2:end])
		}
	}
	n = 1
	for n < len(s) && isVariableByte(s[n]) {
		n++
	}
	if n == 1 {
		return n, "\x00" // a lone $, which has no value
	}
	return n, strings.ToLower(s[1:n])
}

func extend(values []value, next []piece) []value {
	var out []value
	for _, v := range values {
		for _, p := range next {
			out = append(out, value{v.text + p.text, append(slices.Clone(v.pieces), p)})
		}
	}
	return out
}
