package variables

import (
	"slices"
	"strings"

	"edgeman/nginxconf/internal/config"
)

// Reader is a directive that uses a value, and how often; Lua code does it an
// unknown number of times.
type Reader struct {
	Node  *config.Node
	Times int
}

// Readers returns what uses a value that a set or a row of a table gives a variable
// of a pass, be it handed on to other variables first.
func (c *Variables) Readers(value, pass *config.Node) []Reader {
	def := value
	if def.Name() != "set" {
		def = def.Parent()
	}
	name := definedVariable(def)
	names := c.handedOn(name)
	elsewhere := func(n *config.Node) bool { // another server has a variable of its own, another pass can have a value of its own
		server := n.Within("server")
		return def.Name() == "set" && server != nil && (server != pass.Within("server") ||
			len(names) == 1 && config.Module(n) != "" && !slices.Contains(c.reaching(n, name).sets, def))
	}
	var out []Reader
	c.Root().Walk(func(n *config.Node) {
		times := timesRead(n, names)
		if n == def || handsOn(n, names...) != "" || times == 0 && !namesOne(string(n.Directive().Lua()), names) || elsewhere(n) {
			return
		}
		out = append(out, Reader{n, times})
	})
	return out
}

// handedOn returns a variable and those that can have the same value, because a
// set or a row of a table gives them that and nothing else.
func (c *Variables) handedOn(name string) []string {
	return c.spread(name, func(n *config.Node, name string) []string { return nonEmpty(handsOn(n, name)) })
}

// handsOn returns the variable to which a set, or a row of a table, gives the
// value of one of others as it is, "" for none.
func handsOn(n *config.Node, names ...string) string {
	args := n.Args()
	if len(args) == 0 || !slices.Contains(names, wholeVariable(args[len(args)-1])) {
		return ""
	}
	switch {
	case n.Name() == "set" && len(args) == 2:
		return definedVariable(n)
	case isTable(n.Parent()) && len(args) == 1:
		return definedVariable(n.Parent())
	}
	return ""
}

func namesOne(code string, names []string) bool {
	code = strings.ToLower(code)
	return slices.ContainsFunc(names, func(name string) bool { return strings.Contains(code, name) })
}

// timesRead counts variables in the arguments of a directive, except the one that
// it defines.
func timesRead(n *config.Node, names []string) int {
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

// DependOn returns a variable and those that are made from it, by set, map and
// the like, where holds says so.
func (c *Variables) DependOn(name string, holds func(*config.Node) bool) []string {
	return c.spread(name, func(n *config.Node, name string) []string {
		if derives(n) == "" || !holds(n) || !takesFrom(n, name) {
			return nil
		}
		return append(captured(n), derives(n))
	})
}

// spread returns a variable and all that it is handed on to; next names those that
// a directive hands it on to.
func (c *Variables) spread(name string, next func(n *config.Node, name string) []string) []string {
	names := []string{name}
	for i := 0; i < len(names); i++ {
		c.Root().Walk(func(n *config.Node) {
			for _, v := range next(n, names[i]) {
				if !slices.Contains(names, v) {
					names = append(names, v)
				}
			}
		})
	}
	return names
}

// derives returns the variable that a directive, or a row of a table, gives a
// value to that is made from its arguments, "" for none.
func derives(n *config.Node) string {
	switch {
	case isTable(n.Parent()):
		return definedVariable(n.Parent())
	case n.Name() == "auth_request_set":
		return strings.ToLower(strings.TrimPrefix(n.Arg(0), "$"))
	}
	return definedVariable(n)
}

// captured returns the variables that the rows of a map take out of its source.
func captured(table *config.Node) []string {
	var out []string
	for _, row := range table.Children() {
		out = append(out, captures(row.Name())...)
	}
	return out
}

// MentionedIn returns the first of the variables that a directive uses for
// something else than giving a value to another one, "" for none.
func MentionedIn(n *config.Node, names []string) string {
	if derives(n) != "" {
		return ""
	}
	code := luaCode(n)
	for _, name := range names {
		if strings.Contains(code, name) || takesFrom(n, name) {
			return name
		}
	}
	return ""
}

func takesFrom(n *config.Node, name string) bool {
	return slices.ContainsFunc(n.Args(), func(a string) bool { return times(a, name) > 0 })
}

func (c *Variables) inLua(word string) bool {
	return slices.ContainsFunc(c.lua, func(code string) bool { return strings.Contains(code, word) })
}

// luaCode returns the Lua code of a directive in lower case, "" if it has none.
func luaCode(n *config.Node) string {
	if code := n.Directive().Lua(); code != nil {
		return strings.ToLower(string(code))
	}
	if strings.Contains(n.Name(), "_by_lua") {
		return strings.ToLower(n.String())
	}
	return ""
}

// UsesHost reports whether a directive uses what nginx took from the literal.
func UsesHost(n *config.Node) bool {
	for i, a := range n.Args() {
		if times(a, "proxy_host")+times(a, "proxy_port") > 0 && !IsPattern(n, i) {
			return true
		}
	}
	return false
}

// IsPattern reports whether an argument is a regular expression, into which
// nginx fills no variables.
func IsPattern(n *config.Node, arg int) bool {
	return arg == 0 && strings.HasPrefix(n.Arg(0), "~") &&
		slices.Contains([]string{"proxy_redirect", "proxy_cookie_domain", "proxy_cookie_path", "proxy_cookie_flags"}, n.Name())
}

// LuaUsesHost reports the same of Lua code.
func LuaUsesHost(n *config.Node) bool {
	code := luaCode(n)
	return strings.Contains(code, "proxy_host") || strings.Contains(code, "proxy_port")
}
