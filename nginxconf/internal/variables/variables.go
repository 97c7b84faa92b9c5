// Package variables tells what a variable can be at a directive: the values that
// set, map and their like write down, as nginx's rewrite phase hands them on, or else
// a regular language that holds all of them. It errs only towards too many values.
package variables

import (
	"iter"
	"slices"
	"strings"

	"edgeman/nginxconf/internal/config"
)

// variable is the name of a variable in a server.
type variable struct {
	server *config.Node
	name   string
}

// Variables knows what gives the variables of a configuration their values.
type Variables struct {
	*config.Config
	sets        map[variable][]*config.Node     // the set directives of a server
	definitions map[string][]*config.Node       // variable: what else gives it a value
	lua         []string                        // all Lua code, in lower case
	rewrites    map[*config.Node][]*config.Node // block: what its rewrite phase runs, in order
	jumps       map[*config.Node]bool           // servers with a rewrite in a location, which leads to another one
	patterns    map[*config.Node][]*config.Node // server: what matches regular expressions there
	patternMaps []*config.Node                  // maps with regular expressions
	early       map[variable]bool               // variables that are used before a request is passed on; no server for http itself
	HostUsers   []*config.Node                  // what uses $proxy_host or $proxy_port, Lua included
}

// New looks through a configuration once.
func New(c *config.Config) *Variables {
	v := &Variables{
		Config: c, sets: map[variable][]*config.Node{}, definitions: map[string][]*config.Node{},
		rewrites: map[*config.Node][]*config.Node{}, jumps: map[*config.Node]bool{}, patterns: map[*config.Node][]*config.Node{}, early: map[variable]bool{},
	}
	c.Root().Walk(func(n *config.Node) {
		v.define(n)
		v.match(n)
		if code := luaCode(n); code != "" {
			v.lua = append(v.lua, code)
		}
		if UsesHost(n) || LuaUsesHost(n) {
			v.HostUsers = append(v.HostUsers, n)
		}
	})
	return v
}

func (v *Variables) define(n *config.Node) {
	if n.Name() == "set" {
		key := variable{n.Within("server"), definedVariable(n)}
		v.sets[key] = append(v.sets[key], n)
		return
	}
	if name := Definition(n); name != "" {
		v.definitions[name] = append(v.definitions[name], n)
	}
	for _, a := range append([]string{n.Name()}, n.Args()...) { // a map's row begins with its expression
		if strings.Contains(a, "(?") {
			for _, name := range captures(a) {
				v.definitions[name] = append(v.definitions[name], n)
			}
		}
	}
}

// match notes what a directive does to variables and captures.
func (v *Variables) match(n *config.Node) {
	server := n.Within("server")
	switch n.Name() {
	case "set", "if", "break", "rewrite":
		v.rewrites[n.Parent()] = append(v.rewrites[n.Parent()], n)
	}
	if n.Name() == "rewrite" && n.Within("location") != nil && (n.Arg(2) == "" || n.Arg(2) == "last") {
		v.jumps[server] = true
	}
	if len(patterns(n)) > 0 {
		if n.Parent().Name() == "map" {
			if !slices.Contains(v.patternMaps, n.Parent()) {
				v.patternMaps = append(v.patternMaps, n.Parent())
			}
			return
		}
		v.patterns[server] = append(v.patterns[server], n)
	}
	if late(n) {
		return
	}
	for _, a := range n.Args() {
		for _, name := range Parts(a) {
			v.early[variable{server, name}] = true
		}
	}
}

// late reports whether nginx evaluates a directive only after it knows where a
// request goes.
func late(n *config.Node) bool {
	switch n.Name() {
	case "log_format", "access_log", "error_log", "add_header", "add_trailer", "expires":
		return true
	}
	return strings.HasPrefix(n.Name(), "sub_filter") || strings.HasPrefix(n.Name(), "proxy_") && config.Module(n) == ""
}

// Parts splits a text into its variables and what stands between them. The name is
// in lower case, as nginx takes any; it is "" for what is no variable.
func Parts(text string) iter.Seq2[string, string] {
	return func(yield func(part, name string) bool) {
		for text != "" {
			n, name := reference(text)
			if !yield(text[:n], name) {
				return
			}
			text = text[n:]
		}
	}
}

// Substitute replaces a variable in text. A variable in front of it gets
// braces where its name would otherwise run into the value.
func Substitute(text, name, value string) string {
	out, before := "", "" // before is a variable without braces that ends out
	for part, found := range Parts(text) {
		switch {
		case found == name:
			if before != "" && value != "" && isVariableByte(value[0]) {
				out = strings.TrimSuffix(out, before) + "${" + before[1:] + "}"
			}
			part, before = value, ""
		case found != "" && !strings.HasPrefix(part, "${"):
			before = part
		default:
			before = ""
		}
		out += part
	}
	return out
}

func isVariableByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

// wholeVariable returns the name of the one variable that a text consists of, ""
// for any other text.
func wholeVariable(text string) string {
	if n, name := reference(text); n == len(text) {
		return name
	}
	return ""
}

// times counts a variable in a text.
func times(text, name string) int {
	count := 0
	for _, found := range Parts(text) {
		if found == name {
			count++
		}
	}
	return count
}

// reference returns the length of the literal text at the beginning of s, or
// of the variable there and its name in lower case.
func reference(s string) (n int, name string) {
	if !strings.HasPrefix(s, "$") {
		if n = strings.IndexByte(s, '$'); n < 0 {
			n = len(s)
		}
		return n, ""
	}
	if strings.HasPrefix(s, "${") {
		if end := strings.IndexByte(s, '}'); end > 0 {
			return end + 1, strings.ToLower(s[2:end])
		}
	}
	n = 1
	for n < len(s) && isVariableByte(s[n]) {
		n++
	}
	if n == 1 {
		return n, "\x00" // a lone $, which has no value
	}
	return n, strings.ToLower(s[1:n])
}
