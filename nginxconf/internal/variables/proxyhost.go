package variables

import (
	"slices"
	"strings"

	"edgeman/nginxconf/internal/config"
)

// UsesHost reports whether a directive uses what nginx took from the literal.
func UsesHost(n *config.Node) bool {
	for i, a := range n.Args() {
		if (mentions(a, "proxy_host") || mentions(a, "proxy_port")) && !IsPattern(n, i) {
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
