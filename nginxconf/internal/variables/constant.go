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
