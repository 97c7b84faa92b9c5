package variables

import (
	"slices"
	"strings"

	"edgeman/nginxconf/internal/config"
	"edgeman/nginxconf/internal/lex"
)

// constants returns the values that a variable can have at a directive, if all
// are written down: by the sets that can run last there, or by one map, geo or
// split_clients.
func (c *Variables) constants(at *config.Node, name string, depth int) ([]piece, bool) {
	if depth > maxDepth || c.inLua(name) {
		return nil, false
	}
	if server := at.Within("server"); server != nil && name == "scheme" {
		return schemeOf(server), true
	} else if server != nil && name == "server_name" {
		return nameOf(server)
	}
	sets := c.reaching(at, name)
	switch tables := c.definitionsAt(at, name); {
	case len(tables) == 0 && len(sets.sets) > 0:
		return c.spelled(sets.sets, 1, sets.unset, depth)
	case len(tables) == 1 && isTable(tables[0]) && len(sets.sets) == 0:
		return c.spelled(rows(tables[0]), 0, !hasDefault(tables[0]), depth)
	}
	return nil, false
}

// schemeOf returns what $scheme can be in a server.
func schemeOf(server *config.Node) []piece {
	plain, tls := server.Listens()
	var out []piece
	if plain || !tls {
		out = append(out, piece{Text: "http"})
	}
	if tls {
		out = append(out, piece{Text: "https"})
	}
	return out
}

// nameOf returns what $server_name is in a server: the first name, if that is
// not a pattern.
func nameOf(server *config.Node) ([]piece, bool) {
	lines := server.All("server_name")
	if len(lines) == 0 || lines[0].Arg(0) == "" || strings.ContainsFunc(lines[0].Arg(0), lex.OddInHost) || strings.HasPrefix(lines[0].Arg(0), ".") {
		return nil, false
	}
	return []piece{{Text: lines[0].Arg(0)}}, true
}

// spelled returns the values that an argument of some directives gives a
// variable, and the empty one if it may be given none.
func (c *Variables) spelled(nodes []*config.Node, arg int, empty bool, depth int) ([]piece, bool) {
	var out []piece
	for _, n := range nodes {
		if len(n.Args()) <= arg {
			return nil, false
		}
		text := n.Args()[arg]
		if name := wholeVariable(text); name != "" {
			values, ok := c.constants(n, name, depth+1)
			if !ok {
				return nil, false
			}
			for _, v := range values {
				if !slices.Contains(out, v) {
					out = append(out, v)
				}
			}
			continue
		}
		if strings.Contains(text, "$") {
			values, ok := c.composed(n, text, depth)
			if !ok {
				return nil, false
			}
			if len(values) > 1 || values[0].Text != text {
				out = append(out, values...)
				continue
			}
		}
		start, end := n.Directive().Arg(arg).Inner()
		if string(n.Directive().File.Src[start:end]) != text {
			return nil, false
		}
		out = append(out, piece{Text: text, At: n, Arg: arg})
	}
	if empty {
		out = append(out, piece{})
	}
	return out, len(out) > 0 && len(out) <= maxValues
}

// composed returns what a text with variables can be up to its URI part, which
// is kept as written, if all values are written down. Where it is put together
// it can be read, not edited.
func (c *Variables) composed(at *config.Node, text string, depth int) ([]piece, bool) {
	out, unknown := c.compose(at, text, depth+1, c.onlyURI)
	var pieces []piece
	for _, v := range out {
		pieces = append(pieces, piece{Text: v.Text})
	}
	return pieces, unknown == ""
}

// maxValues bounds the values that the variables of one pass may take together.
const maxValues = 64

// Value is one value that the argument of a pass can have, and the piece of
// text that its host and port stand in.
type Value struct {
	Text   string
	Pieces []piece
}

// piece is a part of a value and where it is written: an argument of a
// directive, without quotes, from offset from; at is nil where it is put
// together. The pass spells it in the bytes [passFrom, passTo) of its own
// argument, as text or as a variable.
type piece struct {
	Text     string
	At       *config.Node
	Arg      int
	From     int
	PassFrom int
	PassTo   int
}

// Opaque says that the address of a pass comes from something that is not known.
func Opaque(pass *config.Node, variable string) *config.Refusal {
	return config.Refuse(pass.Pos(), "write the address or an upstream's name into "+pass.Name(),
		"%q takes its address from %s, and the configuration does not say all that it can be", pass, variable)
}

// Values returns every value that the argument of a pass can have up to its
// URI part, which is kept as written. Those that end before a host is named are
// among them.
func (c *Variables) Values(pass *config.Node) ([]Value, *config.Refusal) {
	start, end := pass.Directive().Arg(0).Inner()
	arg := string(pass.Directive().File.Src[start:end])
	if strings.Contains(arg, `\`) {
		return nil, Opaque(pass, "a variable")
	}
	out, unknown := c.compose(pass, arg, 0, c.atURI)
	if unknown != "" {
		return nil, Opaque(pass, unknown)
	}
	return out, nil
}

// compose puts together what a text can be up to its URI part, which is kept as
// written; ends tells where that begins. Where not all is known it says of what.
func (c *Variables) compose(at *config.Node, text string, depth int, ends func(at *config.Node, values []Value, rest string) bool) (out []Value, unknown string) {
	out = []Value{{}}
	for i := 0; i < len(text); {
		n, name := reference(text[i:])
		if ends(at, out, text[i:]) {
			n, name = len(text)-i, ""
		}
		next := []piece{{Text: text[i : i+n], At: at, From: i}}
		if name != "" {
			var ok bool
			if next, ok = c.constants(at, name, depth); !ok {
				return nil, text[i : i+n]
			}
		}
		for k := range next {
			next[k].PassFrom, next[k].PassTo = i, i+n
		}
		if out = extend(out, next); len(out) > maxValues {
			return nil, "variables with too many values"
		}
		i += n
	}
	return out, ""
}

// atURI reports whether the URI part begins with the rest of a pass's argument, or
// began before, in all values that name a host up to there.
func (c *Variables) atURI(pass *config.Node, values []Value, rest string) bool {
	named := slices.ContainsFunc(values, HasAuthority)
	begun := !slices.ContainsFunc(values, func(v Value) bool { return HasAuthority(v) && !inURI(v) })
	return named && (begun || c.startsURI(pass, rest))
}

// inURI reports whether a value has got to its URI part.
func inURI(v Value) bool { return strings.ContainsAny(v.behindScheme(), "/?") }

// HasAuthority reports whether a value has got to a host or a port.
func HasAuthority(v Value) bool {
	rest := v.behindScheme()
	return rest != "" && strings.IndexByte("/?$:", rest[0]) < 0
}

func (v Value) behindScheme() string {
	if _, rest, found := strings.Cut(v.Text, "://"); found {
		return rest
	}
	return v.Text
}

func extend(values []Value, next []piece) []Value {
	var out []Value
	for _, v := range values {
		for _, p := range next {
			out = append(out, Value{v.Text + p.Text, append(slices.Clone(v.Pieces), p)})
		}
	}
	return out
}
