package nginxconf

import (
	"slices"
	"strings"
)

// constants returns the values that a variable can have at a pass, if all are
// written down: by one set that always runs and runs last, or by one map, geo
// or split_clients.
func (c *Config) constants(pass *Node, name string) ([]piece, bool) {
	sets := c.index.sets[variable{pass.Within("server"), name}]
	var maps []*Node
	for _, d := range c.index.definitions[name] {
		if side(d) != side(pass) {
			continue
		}
		switch d.Name() {
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
			if len(row.Args()) == 1 && !(maps[0].Name() == "geo" && slices.Contains(notRows, row.Name())) {
				rows = append(rows, row)
			}
		}
		return plainPieces(rows, 0)
	}
	return nil, false
}

// notRows names the parameters of geo that look like rows.
var notRows = []string{"proxy", "delete"}

// lastSet returns the one set that decides a variable at a pass, or none. A
// location's own set runs after those of the server and of any location that
// redirected here; one in an "if", or after a "break", may run or not.
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
	case len(own) == 1 && len(conditional) == 0 && !skipped(own[0]):
		return own
	case len(own) == 0 && len(sets) == 1 && sets[0].parent == pass.Within("server") && !skipped(sets[0]):
		return sets
	}
	return nil
}

// skipped reports whether a "break" above a set can keep it from running.
func skipped(set *Node) bool {
	found := false
	for _, n := range set.parent.children {
		if n == set {
			break
		}
		if n.Name() != "location" {
			n.walk(func(n *Node) {
				found = found || n.Name() == "break" || n.Name() == "rewrite" && n.Arg(2) == "break"
			})
		}
	}
	return found
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
	return strings.ToLower(strings.TrimPrefix(arg, "$"))
}

// definition returns the variable a directive gives a value to, "" for none.
// Directives of other modules that take a variable first are taken for
// definitions too, except those known to read it.
func definition(n *Node) string {
	if v := definedVariable(n); v != "" {
		return v
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
