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
			out = append(out, serverRoutes(pass, c.upstream(pass, a.host))...)
			continue
		}
		if !complete(pass, a) {
			return []route{{pass: pass, opaque: opaque(pass)}}
		}
		r := route{pass: pass, addr: a, class: literalClass(pass, a), fallback: defaultPorts[a.scheme], variable: true}
		if r.class == ClassB {
			r.class = ClassC // the name could be looked up elsewhere too
		}
		r.locate(v, len(values) == 1)
		out = append(out, r)
	}
	return out
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
// of the variable there and its name.
func reference(s string) (n int, name string) {
	if !strings.HasPrefix(s, "$") {
		if n = strings.IndexByte(s, '$'); n < 0 {
			n = len(s)
		}
		return n, ""
	}
	if strings.HasPrefix(s, "${") {
		if end := strings.IndexByte(s, '}'); end > 0 {
			return end + 1, s[2:end]
		}
	}
	n = 1
	for n < len(s) && isVariableByte(s[n]) {
		n++
	}
	if n == 1 {
		return n, "\x00" // a lone $, which has no value
	}
	return n, s[1:n]
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

// constants returns the values that a variable can have at a pass, if all are
// written down: by one set that always runs and runs last, or by one map, geo
// or split_clients.
func (c *Config) constants(pass *Node, name string) ([]piece, bool) {
	var sets, maps []*Node
	server := pass.Within("server")
	for _, d := range c.index.definitions[name] {
		if side(d) != side(pass) {
			continue
		}
		switch d.Name() {
		case "set":
			if d.Within("server") == server {
				sets = append(sets, d)
			}
		case "map", "geo", "split_clients":
			maps = append(maps, d)
		default:
			return nil, false
		}
	}
	switch {
	case slices.ContainsFunc(c.index.lua, func(code string) bool { return strings.Contains(code, name) }):
		return nil, false
	case len(maps) == 0:
		set := lastSet(sets, pass)
		return plainPieces(set, 1)
	case len(sets) == 0 && len(maps) == 1 && hasDefault(maps[0]):
		var rows []*Node
		for _, row := range maps[0].children {
			if len(row.Args()) == 1 && !slices.Contains(notRows, row.Name()) {
				rows = append(rows, row)
			}
		}
		return plainPieces(rows, 0)
	}
	return nil, false
}

// notRows names the parameters that look like rows of a table.
var notRows = []string{"include", "proxy", "delete"}

// lastSet returns the one set that decides a variable at a pass, or none. A
// location's own set runs after those of the server and of any location that
// redirected here; one in an "if" may run or not.
func lastSet(sets []*Node, pass *Node) []*Node {
	var own, conditional []*Node
	for _, s := range sets {
		switch {
		case s.parent == pass.parent || s.parent == home(pass):
			own = append(own, s)
		case home(s) == home(pass):
			conditional = append(conditional, s)
		}
	}
	switch {
	case len(own) == 1 && len(conditional) == 0:
		return own
	case len(own) == 0 && len(sets) == 1 && sets[0].parent == pass.Within("server"):
		return sets
	}
	return nil
}

// hasDefault reports whether a table has a value for everything.
func hasDefault(table *Node) bool {
	for _, row := range table.children {
		if row.Name() == "default" || row.Name() == "*" {
			return true
		}
	}
	return false
}

// plainPieces returns an argument of each directive as a constant.
func plainPieces(nodes []*Node, arg int) ([]piece, bool) {
	var out []piece
	for _, n := range nodes {
		if len(n.Args()) <= arg {
			return nil, false
		}
		text := n.Args()[arg]
		start, end := n.dir.Arg(arg).Inner()
		if strings.Contains(text, "$") || string(n.dir.File.Src[start:end]) != text {
			return nil, false
		}
		out = append(out, piece{text: text, at: n, arg: arg})
	}
	return out, len(out) > 0
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
			only = only && !strings.Contains(string(n.dir.Lua()), name)
		}
		for _, a := range n.Args() {
			only = only && (!mentions(a, name) || def.Name() == "set" && n.Within("server") != nil && n.Within("server") != r.pass.Within("server"))
		}
	})
	return only
}

// definedVariable returns the name of the variable that a set, map, geo or
// split_clients defines, without the dollar sign.
func definedVariable(n *Node) string {
	var arg string
	switch n.Name() {
	case "set":
		arg = n.Arg(0)
	case "map", "split_clients":
		arg = n.Arg(1)
	case "geo":
		arg = n.Arg(len(n.Args()) - 1)
	}
	return strings.TrimPrefix(arg, "$")
}

// definition returns the variable a directive gives a value to, "" for none.
// Directives of other modules that take a variable first are taken for
// definitions too, except those known to read it.
func definition(n *Node) string {
	if v := definedVariable(n); v != "" {
		return v
	}
	if arg := n.Arg(0); strings.HasPrefix(arg, "$") && !reads(n.Name()) {
		return arg[1:]
	}
	return ""
}

// reads names the directives whose first argument is read.
func reads(name string) bool {
	return modules[name] != "" || slices.Contains([]string{
		"if", "return", "rewrite", "map", "geo", "split_clients", "default", "access_log", "proxy_cache_key", "fastcgi_cache_key",
		"limit_req_zone", "limit_conn_zone", "proxy_cache_bypass", "proxy_no_cache", "fastcgi_cache_bypass", "fastcgi_no_cache",
		"proxy_method", "root", "alias", "proxy_bind", "resolver", "server", "hash", "add_header", "try_files", "error_page",
		"proxy_redirect", "proxy_store", "proxy_ssl_name", "echo", "expires", "valid_referers", "secure_link", "secure_link_md5",
	}, name)
}

// captures returns the variables that named groups in a regular expression
// define.
func captures(arg string) []string {
	var out []string
	for _, open := range []string{"(?<", "(?P<", "(?'"} {
		for rest := arg; ; {
			_, after, found := strings.Cut(rest, open)
			if !found {
				break
			}
			if end := strings.IndexAny(after, ">'"); end > 0 {
				out = append(out, after[:end])
			}
			rest = after
		}
	}
	return out
}
