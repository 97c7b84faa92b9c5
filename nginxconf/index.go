package nginxconf

import (
	"slices"
	"strings"

	"edgeman/nginxconf/internal/tree"
)

// modules maps each directive that hands a request to a server to the prefix
// of its module's directives.
var modules = map[string]string{
	"proxy_pass":     "proxy",
	"fastcgi_pass":   "fastcgi",
	"uwsgi_pass":     "uwsgi",
	"scgi_pass":      "scgi",
	"grpc_pass":      "grpc",
	"memcached_pass": "memcached",
}

// variable is the name of a variable in a server.
type variable struct {
	server *Node
	name   string
}

// index holds what is looked up often.
type index struct {
	passes       []*Node                     // in order
	upstreams    map[string]*Node            // "http/name", "stream/name"; names in lower case
	upstreamList []*Node                     // in order
	contexts     map[*tree.Directive][]*Node // passes, upstreams and blocks with a pass: every context of one directive
	servers      []*Node                     // server blocks of http and stream
	homes        map[*Node][]*Node           // home of passes: the passes

	sets        map[variable][]*Node // variable of a server: the set directives there
	definitions map[string][]*Node   // variable: what else gives it a value
	lua         []string             // all Lua code, in lower case
	rewrites    map[*Node][]*Node    // block: what its rewrite phase runs, in order
	jumps       map[*Node]bool       // servers with a rewrite in a location, which leads to another one
	patterns    map[*Node][]*Node    // server: what matches regular expressions there
	patternMaps []*Node              // maps with regular expressions
	early       map[variable]bool    // variables that are used before a request is passed on; no server for http itself
	hostUsers   []*Node              // what uses $proxy_host or $proxy_port, Lua included
}

func buildIndex(root *Node) (index, error) {
	x := index{
		upstreams: map[string]*Node{}, contexts: map[*tree.Directive][]*Node{}, homes: map[*Node][]*Node{}, sets: map[variable][]*Node{}, definitions: map[string][]*Node{},
		rewrites: map[*Node][]*Node{}, jumps: map[*Node]bool{}, patterns: map[*Node][]*Node{}, early: map[variable]bool{},
	}
	var err error
	root.indexChildren()
	root.walk(func(n *Node) {
		n.indexChildren()
		if e := checkArity(n); e != nil && err == nil {
			err = e
		}
		switch {
		case modules[n.Name()] != "":
			x.passes = append(x.passes, n)
			x.homes[home(n)] = append(x.homes[home(n)], n)
			x.note(n)
		case n.Name() == "upstream" && n.IsBlock():
			x.upstreams[side(n)+"/"+strings.ToLower(n.Arg(0))] = n
			x.upstreamList = append(x.upstreamList, n)
			x.note(n)
		case n.Name() == "server" && n.IsBlock():
			x.servers = append(x.servers, n)
			x.note(n)
		}
		x.define(n)
		x.match(n)
		if code := luaCode(n); code != "" {
			x.lua = append(x.lua, code)
		}
		if usesHost(n) || luaUsesHost(n) {
			x.hostUsers = append(x.hostUsers, n)
		}
	})
	return x, err
}

func (x *index) define(n *Node) {
	if n.Name() == "set" {
		key := variable{n.Within("server"), definedVariable(n)}
		x.sets[key] = append(x.sets[key], n)
		return
	}
	if v := definition(n); v != "" {
		x.definitions[v] = append(x.definitions[v], n)
	}
	for _, a := range append([]string{n.Name()}, n.Args()...) { // a map's row begins with its expression
		if strings.Contains(a, "(?") {
			for _, v := range captures(a) {
				x.definitions[v] = append(x.definitions[v], n)
			}
		}
	}
}

// match notes what a directive does to variables and captures.
func (x *index) match(n *Node) {
	server := n.Within("server")
	switch n.Name() {
	case "set", "if", "break", "rewrite":
		x.rewrites[n.parent] = append(x.rewrites[n.parent], n)
	}
	if n.Name() == "rewrite" && n.Within("location") != nil && (n.Arg(2) == "" || n.Arg(2) == "last") {
		x.jumps[server] = true
	}
	if len(patterns(n)) > 0 {
		if n.parent.Name() == "map" {
			if !slices.Contains(x.patternMaps, n.parent) {
				x.patternMaps = append(x.patternMaps, n.parent)
			}
			return
		}
		x.patterns[server] = append(x.patterns[server], n)
	}
	if late(n) {
		return
	}
	for _, a := range n.Args() {
		for m, name := 0, ""; a != ""; a = a[m:] {
			if m, name = reference(a); name != "" {
				x.early[variable{server, name}] = true
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
	return strings.HasPrefix(n.Name(), "sub_filter") || strings.HasPrefix(n.Name(), "proxy_") && modules[n.Name()] == ""
}

func (x *index) note(n *Node) { x.contexts[n.dir] = append(x.contexts[n.dir], n) }

// side returns the namespace of upstream names that a node lives in: "http",
// "stream", or "" elsewhere.
func side(n *Node) string {
	for ; n != nil; n = n.parent {
		switch n.Name() {
		case "http", "stream":
			return n.Name()
		}
	}
	return ""
}

// Servers returns the server blocks of http and stream, in order.
func (c *Config) Servers() []*Node { return c.index.servers }

// Upstreams returns the upstream blocks of http and stream, in order.
func (c *Config) Upstreams() []*Node { return c.index.upstreamList }

// Passes returns every proxy_pass, fastcgi_pass, uwsgi_pass, scgi_pass,
// grpc_pass and memcached_pass, in order.
func (c *Config) Passes() []*Node { return c.index.passes }

// upstream returns the upstream block that a name means at a node.
func (c *Config) upstream(at *Node, name string) *Node {
	return c.index.upstreams[side(at)+"/"+strings.ToLower(name)]
}
