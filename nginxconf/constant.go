package nginxconf

import (
	"slices"
	"strings"
)

// constants returns the values that a variable can have at a directive, if all
// are written down: by the sets that can run last there, or by one map, geo or
// split_clients.
func (c *variables) constants(at *Node, name string, depth int) ([]piece, bool) {
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
func schemeOf(server *Node) []piece {
	plain, tls := server.Listens()
	var out []piece
	if plain || !tls {
		out = append(out, piece{text: "http"})
	}
	if tls {
		out = append(out, piece{text: "https"})
	}
	return out
}

// nameOf returns what $server_name is in a server: the first name, if that is
// not a pattern.
func nameOf(server *Node) ([]piece, bool) {
	lines := server.All("server_name")
	if len(lines) == 0 || lines[0].Arg(0) == "" || strings.ContainsFunc(lines[0].Arg(0), oddInHost) || strings.HasPrefix(lines[0].Arg(0), ".") {
		return nil, false
	}
	return []piece{{text: lines[0].Arg(0)}}, true
}

func (c *variables) inLua(word string) bool {
	return slices.ContainsFunc(c.lua, func(code string) bool { return strings.Contains(code, word) })
}

// rows returns the rows of a map, geo or split_clients.
func rows(table *Node) []*Node {
	var out []*Node
	for _, row := range table.children {
		if len(row.Args()) == 1 && !(table.Name() == "geo" && slices.Contains(notRows, row.Name())) {
			out = append(out, row)
		}
	}
	return out
}

// notRows names the parameters of geo that look like rows.
var notRows = []string{"proxy", "delete"}

// hasDefault reports whether a table has a value for everything.
func hasDefault(table *Node) bool {
	for _, row := range table.children {
		if row.Name() == "default" || row.Name() == "*" {
			return true
		}
	}
	return false
}

// spelled returns the values that an argument of some directives gives a
// variable, and the empty one if it may be given none.
func (c *variables) spelled(nodes []*Node, arg int, empty bool, depth int) ([]piece, bool) {
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
			if len(values) > 1 || values[0].text != text {
				out = append(out, values...)
				continue
			}
		}
		start, end := n.dir.Arg(arg).Inner()
		if string(n.dir.File.Src[start:end]) != text {
			return nil, false
		}
		out = append(out, piece{text: text, at: n, arg: arg})
	}
	if empty {
		out = append(out, piece{})
	}
	return out, len(out) > 0 && len(out) <= maxValues
}

// composed returns what a text with variables can be up to its URI part, which
// is kept as written, if all values are written down. Where it is put together
// it can be read, not edited.
func (c *variables) composed(at *Node, text string, depth int) ([]piece, bool) {
	out := []value{{}}
	for n, name := 0, ""; text != ""; text = text[n:] {
		if c.onlyURI(at, out, text) {
			out = extend(out, []piece{{text: text}})
			break
		}
		n, name = reference(text)
		next := []piece{{text: text[:n]}}
		if name != "" {
			var ok bool
			if next, ok = c.constants(at, name, depth+1); !ok {
				return nil, false
			}
		}
		if out = extend(out, next); len(out) > maxValues {
			return nil, false
		}
	}
	var pieces []piece
	for _, v := range out {
		pieces = append(pieces, piece{text: v.text})
	}
	return pieces, true
}

// onlyURI reports whether a text goes on with nothing but the URI part, whatever
// comes in front of it and behind.
func (c *variables) onlyURI(at *Node, before []value, text string) bool {
	if !slices.ContainsFunc(before, func(v value) bool { return !inURI(v) }) {
		return true
	}
	l, err := c.Language(at, text)
	return err == nil && l.StartsIn("/?") && !l.Has("", "")
}

// definedVariable returns the name of the variable that a set, map, geo or
// split_clients defines, without the dollar sign.
func definedVariable(n *Node) string {
	switch n.Name() {
	case "set", "map", "split_clients", "geo":
		return strings.ToLower(strings.TrimPrefix(n.Arg(definedAt(n)), "$"))
	}
	return ""
}

// definedAt is the place of that variable among the arguments.
func definedAt(n *Node) int {
	switch n.Name() {
	case "set":
		return 0
	case "geo":
		return len(n.Args()) - 1
	}
	return 1
}

// definition returns the variable a directive gives a value to, "" for none.
// Directives of other modules that take a variable first are taken for
// definitions too, except those known to read it.
func definition(n *Node) string {
	if v := definedVariable(n); v != "" {
		return v
	}
	if isTable(n.parent) {
		return "" // a row reads what it gives
	}
	if arg := n.Arg(0); strings.HasPrefix(arg, "$") && !reads(n.Name()) {
		return strings.ToLower(arg[1:])
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
				out = append(out, strings.ToLower(after[:end]))
			}
			rest = after
		}
	}
	return out
}
