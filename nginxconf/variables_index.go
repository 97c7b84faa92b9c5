package nginxconf

import (
	"slices"
	"strings"
)

// variable is the name of a variable in a server.
type variable struct {
	server *Node
	name   string
}

// variables knows what gives the variables of a configuration their values.
type variables struct {
	*conf
	sets        map[variable][]*Node // the set directives of a server
	definitions map[string][]*Node   // variable: what else gives it a value
	lua         []string             // all Lua code, in lower case
	rewrites    map[*Node][]*Node    // block: what its rewrite phase runs, in order
	jumps       map[*Node]bool       // servers with a rewrite in a location, which leads to another one
	patterns    map[*Node][]*Node    // server: what matches regular expressions there
	patternMaps []*Node              // maps with regular expressions
	early       map[variable]bool    // variables that are used before a request is passed on; no server for http itself
	hostUsers   []*Node              // what uses $proxy_host or $proxy_port, Lua included
}

func newVariables(c *conf) *variables {
	v := &variables{
		conf: c, sets: map[variable][]*Node{}, definitions: map[string][]*Node{},
		rewrites: map[*Node][]*Node{}, jumps: map[*Node]bool{}, patterns: map[*Node][]*Node{}, early: map[variable]bool{},
	}
	c.root.walk(func(n *Node) {
		v.define(n)
		v.match(n)
		if code := luaCode(n); code != "" {
			v.lua = append(v.lua, code)
		}
		if usesHost(n) || luaUsesHost(n) {
			v.hostUsers = append(v.hostUsers, n)
		}
	})
	return v
}

func (v *variables) define(n *Node) {
	if n.Name() == "set" {
		key := variable{n.Within("server"), definedVariable(n)}
		v.sets[key] = append(v.sets[key], n)
		return
	}
	if name := definition(n); name != "" {
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
func (v *variables) match(n *Node) {
	server := n.Within("server")
	switch n.Name() {
	case "set", "if", "break", "rewrite":
		v.rewrites[n.parent] = append(v.rewrites[n.parent], n)
	}
	if n.Name() == "rewrite" && n.Within("location") != nil && (n.Arg(2) == "" || n.Arg(2) == "last") {
		v.jumps[server] = true
	}
	if len(patterns(n)) > 0 {
		if n.parent.Name() == "map" {
			if !slices.Contains(v.patternMaps, n.parent) {
				v.patternMaps = append(v.patternMaps, n.parent)
			}
			return
		}
		v.patterns[server] = append(v.patterns[server], n)
	}
	if late(n) {
		return
	}
	for _, a := range n.Args() {
		for m, name := 0, ""; a != ""; a = a[m:] {
			if m, name = reference(a); name != "" {
				v.early[variable{server, name}] = true
			}
		}
	}
}

// late reports whether nginx evaluates a directive only after it knows where a
// request goes.
func late(n *Node) bool {
	switch n.Name() {
	case "log_format", "access_log", "error_log", "add_header", "add_trailer", "expires":
		return true
	}
	return strings.HasPrefix(n.Name(), "sub_filter") || strings.HasPrefix(n.Name(), "proxy_") && moduleOf(n) == ""
}
