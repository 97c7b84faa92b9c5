package variables

import (
	"slices"
	"strings"

	"edgeman/nginxconf/internal/config"
)

// DependOn returns a variable and those that are made from it, by set, map and
// the like, where holds says so.
func (c *Variables) DependOn(name string, holds func(*config.Node) bool) []string {
	names := []string{name}
	for i := 0; i < len(names); i++ {
		c.Root().Walk(func(n *config.Node) {
			if derives(n) == "" || !holds(n) || !takesFrom(n, names[i]) {
				return
			}
			for _, v := range append(captured(n), derives(n)) {
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
	return slices.ContainsFunc(n.Args(), func(a string) bool { return mentions(a, name) })
}
