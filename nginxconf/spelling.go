package nginxconf

import (
	"slices"
	"strings"
)

// locate finds the piece that holds the whole address, so that it can be
// edited. When the pass can have one value only, it can be edited itself as well.
// Otherwise the route stays readable but not editable.
func (r *route) locate(v value, single bool) {
	a := r.addr
	pos := 0
	own := &spelling{from: -1}
	for _, p := range v.pieces {
		end := pos + len(p.text)
		whole := p.at != r.pass
		if a.start >= pos && a.end <= end && p.at != nil {
			r.at, r.arg = p.at, p.arg
			r.addr.start += p.from - pos
			r.addr.end += p.from - pos
		}
		switch {
		case end <= a.start || pos >= a.end:
			own.variables = own.variables || whole
		case whole:
			own.before += p.text[:max(0, a.start-pos)]
			own.after += p.text[min(len(p.text), max(0, a.end-pos)):]
			own.take(p.passFrom, p.passTo)
		default:
			own.take(p.passFrom+max(0, a.start-pos), p.passTo-max(0, end-a.end))
		}
		pos = end
	}
	own.variables = own.variables || strings.Contains(a.uri, "$")
	if single && own.from >= 0 && !strings.ContainsFunc(own.before+own.after, oddInArgument) {
		r.own = own
	}
}

// spelling is the part of a pass's argument that its host and port come from:
// the bytes [from, to), and what else the variables there stand for.
type spelling struct {
	from, to      int
	before, after string
	variables     bool // there are others outside of it
}

func (s *spelling) take(from, to int) {
	if s.from < 0 {
		s.from = from
	}
	s.to = to
}

// oddInArgument reports what would need quotes.
func oddInArgument(r rune) bool {
	return r <= ' ' || r >= 0x7f || strings.ContainsRune(`;{}"'\$#`, r)
}

// onlyFor reports whether the value that holds a route's address is used by
// passes of the plan, as their address, and by nothing else.
func (p *planner) onlyFor(r route) bool {
	if r.at == r.pass {
		return true
	}
	return !slices.ContainsFunc(p.c.readers(r.at, r.pass), func(read reader) bool {
		address := p.ours[read.node] && slices.ContainsFunc(p.c.routes(read.node), func(o route) bool { return o.at == r.at })
		return !address || read.times > 1
	})
}

// reader is a directive that uses a value, and how often; Lua code does it an
// unknown number of times.
type reader struct {
	node  *Node
	times int
}

// readers returns what uses a value that a set or a row of a table gives a variable
// of a pass, be it handed on to other variables first.
func (c *variables) readers(value, pass *Node) []reader {
	def := value
	if def.Name() != "set" {
		def = def.parent
	}
	name := definedVariable(def)
	names := c.handedOn(name)
	elsewhere := func(n *Node) bool { // another server has a variable of its own, another pass can have a value of its own
		server := n.Within("server")
		return def.Name() == "set" && server != nil && (server != pass.Within("server") ||
			len(names) == 1 && moduleOf(n) != "" && !slices.Contains(c.reaching(n, name).sets, def))
	}
	var out []reader
	c.root.walk(func(n *Node) {
		times := timesRead(n, names)
		if n == def || handsOn(n, names) != "" || times == 0 && !namesOne(string(n.dir.Lua()), names) || elsewhere(n) {
			return
		}
		out = append(out, reader{n, times})
	})
	return out
}

// handedOn returns a variable and those that can have the same value, because a
// set or a row of a table gives them that and nothing else.
func (c *variables) handedOn(name string) []string {
	names := []string{name}
	for i := 0; i < len(names); i++ {
		c.root.walk(func(n *Node) {
			if v := handsOn(n, names[i:i+1]); v != "" && !slices.Contains(names, v) {
				names = append(names, v)
			}
		})
	}
	return names
}

// handsOn returns the variable to which a set, or a row of a table, gives the
// value of one of others as it is, "" for none.
func handsOn(n *Node, names []string) string {
	args, v := n.Args(), ""
	switch {
	case n.Name() == "set" && len(args) == 2:
		v = definedVariable(n)
	case n.parent != nil && isTable(n.parent) && len(args) == 1:
		v = definedVariable(n.parent)
	default:
		return ""
	}
	if from := wholeVariable(args[len(args)-1]); from == "" || !slices.Contains(names, from) {
		return ""
	}
	return v
}

// wholeVariable returns the name of the one variable that a text consists of, ""
// for any other text.
func wholeVariable(text string) string {
	if n, name := reference(text); n == len(text) {
		return name
	}
	return ""
}

func namesOne(code string, names []string) bool {
	code = strings.ToLower(code)
	return slices.ContainsFunc(names, func(name string) bool { return strings.Contains(code, name) })
}

// timesRead counts variables in the arguments of a directive, except the one that
// it defines.
func timesRead(n *Node, names []string) int {
	count := 0
	for i, a := range n.Args() {
		if definedVariable(n) != "" && i == definedAt(n) {
			continue
		}
		for _, name := range names {
			count += times(a, name)
		}
	}
	return count
}

// times counts a variable in a text.
func times(text, name string) int {
	if !strings.Contains(text, "$") {
		return 0
	}
	count := 0
	for n, found := 0, ""; text != ""; text = text[n:] {
		if n, found = reference(text); found == name {
			count++
		}
	}
	return count
}
