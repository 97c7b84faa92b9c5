package variables

import (
	"slices"
	"strings"

	"edgeman/nginxconf/internal/config"
)

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
