package nginxconf

import (
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
// directive, without quotes, from offset from. The pass spells it in the bytes
// [passFrom, passTo) of its own argument, as text or as a variable.
type piece struct {
	text     string
	at       *Node
	arg      int
	from     int
	passFrom int
	passTo   int
}

// PassValues returns what the argument of a pass can be: itself, or, when it has
// variables in front of its URI part, every value that they can give it. It is
// empty when not all of them are written in the configuration.
func (c *Config) PassValues(pass *Node) []string {
	if !strings.Contains(pass.Arg(0), "$") {
		return []string{pass.Arg(0)}
	}
	values, refusal := c.values(pass)
	if refusal != nil {
		return nil
	}
	var out []string
	for _, v := range values {
		out = append(out, v.text)
	}
	return out
}

// variableRoutes follows a pass whose argument has variables. It gives up,
// with a reason, unless every variable in front of the URI can only have
// values that are written in the configuration.
func (c *Config) variableRoutes(pass *Node) []route {
	values, err := c.values(pass)
	if err != nil {
		return []route{{pass: pass, opaque: err}}
	}
	var out []route
	for _, v := range values {
		a, ok := parsePass(v.text)
		switch {
		case !ok || !takes(pass, a):
			return []route{{pass: pass, opaque: opaque(pass)}}
		case a.unix == "" && a.port == "" && c.upstream(pass, a.host) != nil:
			out = append(out, serverRoutes(pass, c.upstream(pass, a.host), a.scheme)...)
			continue
		}
		if !complete(pass, a) {
			return []route{{pass: pass, opaque: opaque(pass)}}
		}
		r := route{pass: pass, scheme: a.scheme, addr: a, class: literalClass(pass, a), fallback: defaultPorts[a.scheme], variable: true}
		if r.class == ClassB {
			r.class = ClassC // the name could be looked up elsewhere too
		}
		r.locate(v, len(values) == 1)
		out = append(out, r)
	}
	return out
}

// mayReach returns one of the addresses that a pass can get from a variable of
// which not all values are known, "" if it gets none of them.
func (c *Config) mayReach(pass *Node, keys []string) string {
	arg := pass.Arg(0)
	if !strings.Contains(arg, "$") || c.routes(pass)[0].opaque == nil {
		return ""
	}
	for n, name := 0, ""; arg != ""; arg = arg[n:] {
		n, name = reference(arg)
		rows := slices.Clone(c.index.sets[variable{pass.Within("server"), name}])
		for _, d := range c.index.definitions[name] {
			rows = append(rows, d.children...)
		}
		for _, row := range rows {
			value := row.Arg(len(row.Args()) - 1)
			if a, ok := parsePass(value); ok && slices.Contains(keys, a.key("80")) {
				return value
			}
		}
	}
	return ""
}

func opaque(pass *Node) *Refusal {
	return refuse(pass.Pos(), "write the address or an upstream's name into "+pass.Name(),
		"%q takes its address from a variable", pass)
}

// locate finds the piece that holds the whole address, so that it can be
// edited. When the address is put together from several constants, the pass
// itself can be edited instead, if a variable is left in it: without one, nginx
// would treat the URI and redirects in another way. Otherwise the route stays
// readable but not editable.
func (r *route) locate(v value, single bool) {
	pos, from, to := 0, -1, 0
	others := 0 // variables outside the address
	for _, p := range v.pieces {
		end := pos + len(p.text)
		if r.addr.start >= pos && r.addr.end <= end {
			r.at, r.arg = p.at, p.arg
			r.addr.start += p.from - pos
			r.addr.end += p.from - pos
			return
		}
		whole := p.at != r.pass
		switch {
		case end <= r.addr.start || pos >= r.addr.end:
			if whole {
				others++
			}
		case whole && (pos < r.addr.start || end > r.addr.end):
			single = false // the address ends inside a variable
		default:
			first, last := p.passFrom, p.passTo
			if !whole {
				first += max(0, r.addr.start-pos)
				last -= max(0, end-r.addr.end)
			}
			if from < 0 {
				from = first
			}
			to = last
		}
		pos = end
	}
	if single && others > 0 && from >= 0 {
		r.at, r.arg, r.addr.start, r.addr.end = r.pass, 0, from, to
	}
}

// values returns every value that the argument of a pass can have up to its
// URI part, which is kept as written.
func (c *Config) values(pass *Node) ([]value, *Refusal) {
	start, end := pass.dir.Arg(0).Inner()
	arg := string(pass.dir.File.Src[start:end])
	if strings.Contains(arg, `\`) {
		return nil, opaque(pass)
	}
	out := []value{{}}
	for i := 0; i < len(arg); {
		if inURI(out) {
			return extend(out, []piece{literalPiece(pass, arg, i, len(arg))}), nil
		}
		n, name := reference(arg[i:])
		next := []piece{literalPiece(pass, arg, i, i+n)}
		if name != "" {
			if i > 0 && safeStart(name) && hasAuthority(out) {
				return extend(out, []piece{literalPiece(pass, arg, i, len(arg))}), nil
			}
			var ok bool
			if next, ok = c.constants(pass, name); !ok {
				return nil, opaque(pass)
			}
			for k := range next {
				next[k].passFrom, next[k].passTo = i, i+n
			}
		}
		if out = extend(out, next); len(out) > maxValues {
			return nil, opaque(pass)
		}
		i += n
	}
	return out, nil
}

func literalPiece(pass *Node, arg string, from, to int) piece {
	return piece{text: arg[from:to], at: pass, from: from, passFrom: from, passTo: to}
}

// inURI reports whether the values have already got to their URI part.
func inURI(values []value) bool {
	for _, v := range values {
		_, rest, found := strings.Cut(v.text, "://")
		if !found {
			rest = v.text
		}
		if !strings.Contains(rest, "/") {
			return false
		}
	}
	return true
}

// hasAuthority reports whether the values end with a host or a port.
func hasAuthority(values []value) bool {
	for _, v := range values {
		if _, rest, _ := strings.Cut(v.text, "://"); rest == "" {
			return false
		}
	}
	return true
}

// safeStart names the variables that begin with a slash, so that nothing after
// them can belong to host or port.
func safeStart(name string) bool {
	return slices.Contains([]string{"request_uri", "uri", "document_uri"}, name)
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

// onlyFor reports whether the value that holds a route's address is used by
// passes of the plan and by nothing else.
func (p *planner) onlyFor(r route) bool {
	if r.at == r.pass {
		return true
	}
	def := r.at
	if def.Name() != "set" {
		def = def.parent
	}
	name := definedVariable(def)
	only := true
	p.c.root.walk(func(n *Node) {
		if n == def || p.ours[n] || n.Name() == "set" && definedVariable(n) == name && n.Within("server") != r.pass.Within("server") {
			return
		}
		if n.dir.Lua() != nil {
			only = only && !strings.Contains(strings.ToLower(string(n.dir.Lua())), name)
		}
		for _, a := range n.Args() {
			only = only && (!mentions(a, name) || def.Name() == "set" && n.Within("server") != nil && n.Within("server") != r.pass.Within("server"))
		}
	})
	return only
}
