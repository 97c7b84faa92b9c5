package variables

import (
	"slices"
	"strings"

	"edgeman/nginxconf/internal/config"
)

// Defines reports whether anything in the configuration gives a variable a value.
func (c *Variables) Defines(name string) bool {
	for v := range c.sets {
		if v.name == name {
			return true
		}
	}
	return c.definitions[name] != nil
}

// definedVariable returns the name of the variable that a set, map, geo or
// split_clients defines, without the dollar sign.
func definedVariable(n *config.Node) string {
	switch n.Name() {
	case "set", "map", "split_clients", "geo":
		return strings.ToLower(strings.TrimPrefix(n.Arg(definedAt(n)), "$"))
	}
	return ""
}

// definedAt is the place of that variable among the arguments.
func definedAt(n *config.Node) int {
	switch n.Name() {
	case "set":
		return 0
	case "geo":
		return len(n.Args()) - 1
	}
	return 1
}

// Definition returns the variable a directive gives a value to, "" for none.
// Directives of other modules that take a variable first are taken for
// definitions too, except those known to read it.
func Definition(n *config.Node) string {
	if v := definedVariable(n); v != "" {
		return v
	}
	if isTable(n.Parent()) {
		return "" // a row reads what it gives
	}
	if arg := n.Arg(0); strings.HasPrefix(arg, "$") && !reads(n) {
		return strings.ToLower(arg[1:])
	}
	return ""
}

// reads reports whether a directive reads its first argument.
func reads(n *config.Node) bool {
	return config.Module(n) != "" || slices.Contains([]string{
		"if", "return", "rewrite", "map", "geo", "split_clients", "default", "access_log", "proxy_cache_key", "fastcgi_cache_key",
		"limit_req_zone", "limit_conn_zone", "proxy_cache_bypass", "proxy_no_cache", "fastcgi_cache_bypass", "fastcgi_no_cache",
		"proxy_method", "root", "alias", "proxy_bind", "resolver", "server", "hash", "add_header", "try_files", "error_page",
		"proxy_redirect", "proxy_store", "proxy_ssl_name", "echo", "expires", "valid_referers", "secure_link", "secure_link_md5",
	}, n.Name())
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

// definitionsAt returns what else than a set can give a variable its value.
func (c *Variables) definitionsAt(at *config.Node, name string) []*config.Node {
	var out []*config.Node
	server := at.Within("server")
	for _, d := range c.definitions[name] {
		if s := d.Within("server"); config.Side(d) == config.Side(at) && (s == nil || s == server || server == nil) {
			out = append(out, d)
		}
	}
	return out
}

// Written returns what the sets of a server and the rows of tables give the
// variables in a text.
func (c *Variables) Written(at *config.Node, text string) []string {
	var out []string
	for _, name := range Parts(text) {
		rows := slices.Clone(c.sets[variable{at.Within("server"), name}])
		for _, d := range c.definitions[name] {
			rows = append(rows, d.Children()...)
		}
		for _, row := range rows {
			out = append(out, row.Arg(len(row.Args())-1))
		}
	}
	return out
}

// rows returns the rows of a map, geo or split_clients.
func rows(table *config.Node) []*config.Node {
	var out []*config.Node
	for _, row := range table.Children() {
		if len(row.Args()) == 1 && !(table.Name() == "geo" && slices.Contains(notRows, row.Name())) {
			out = append(out, row)
		}
	}
	return out
}

// notRows names the parameters of geo that look like rows.
var notRows = []string{"proxy", "delete"}

// hasDefault reports whether a table has a value for everything.
func hasDefault(table *config.Node) bool {
	return slices.ContainsFunc(table.Children(), func(row *config.Node) bool { return row.Name() == "default" || row.Name() == "*" })
}

// isTable reports whether a directive defines a variable by rows.
func isTable(n *config.Node) bool {
	return n.Name() == "map" || n.Name() == "geo" || n.Name() == "split_clients"
}
