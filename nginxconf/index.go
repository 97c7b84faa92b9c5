package nginxconf

import (
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
	passes    []*Node                     // in order
	upstreams map[string]*Node            // "http/name", "stream/name"; names in lower case
	contexts  map[*tree.Directive][]*Node // passes, upstreams and blocks with a pass: every context of one directive
	servers   []*Node                     // server blocks of http and stream
	homes     map[*Node][]*Node           // home of passes: the passes

	sets        map[variable][]*Node // variable of a server: the set directives there
	definitions map[string][]*Node   // variable: what else gives it a value
	lua         []string             // all Lua code, in lower case
	hostUsers   []*Node              // what uses $proxy_host or $proxy_port, Lua included
}

func buildIndex(root *Node) (index, error) {
	x := index{upstreams: map[string]*Node{}, contexts: map[*tree.Directive][]*Node{}, homes: map[*Node][]*Node{}, sets: map[variable][]*Node{}, definitions: map[string][]*Node{}}
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
			x.note(n)
		case n.Name() == "server" && n.IsBlock():
			x.servers = append(x.servers, n)
			x.note(n)
		}
		x.define(n)
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
func (c *Config) Upstreams() []*Node {
	var out []*Node
	c.root.walk(func(n *Node) {
		if n.Name() == "upstream" && n.IsBlock() {
			out = append(out, n)
		}
	})
	return out
}

// Passes returns every proxy_pass, fastcgi_pass, uwsgi_pass, scgi_pass,
// grpc_pass and memcached_pass, in order.
func (c *Config) Passes() []*Node { return c.index.passes }

// upstream returns the upstream block that a name means at a node.
func (c *Config) upstream(at *Node, name string) *Node {
	return c.index.upstreams[side(at)+"/"+strings.ToLower(name)]
}
