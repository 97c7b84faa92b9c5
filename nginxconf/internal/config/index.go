package config

import (
	"strings"

	"edgeman/nginxconf/internal/tree"
)

// PassesAt returns the passes of one module whose defining block is n.
func (c *Config) PassesAt(n *Node, module string) []*Node {
	var out []*Node
	for _, p := range c.passesOf[n] {
		if Module(p) == module {
			out = append(out, p)
		}
	}
	return out
}

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

// Module returns the prefix of a pass directive's module, "" for any other
// directive.
func Module(n *Node) string { return modules[n.Name()] }

// index fills in what is looked up often, and refuses what nginx would.
func (c *Config) index() (err error) {
	c.upstreams, c.passesOf = map[string]*Node{}, map[*Node][]*Node{}
	c.root.indexChildren()
	c.root.Walk(func(n *Node) {
		n.indexChildren()
		if e := checkArity(n); e != nil && err == nil {
			err = e
		}
		switch {
		case Module(n) != "":
			c.passes = append(c.passes, n)
			c.passesOf[DefiningBlock(n)] = append(c.passesOf[DefiningBlock(n)], n)
		case n.Name() == "upstream" && n.IsBlock():
			c.upstreams[Side(n)+"/"+strings.ToLower(n.Arg(0))] = n
			c.upstreamList = append(c.upstreamList, n)
		case n.Name() == "server" && n.IsBlock():
			c.servers = append(c.servers, n)
		}
	})
	return err
}

// Servers returns the server blocks of http and stream, in order.
func (c *Config) Servers() []*Node { return c.servers }

// Upstreams returns the upstream blocks of http and stream, in order.
func (c *Config) Upstreams() []*Node { return c.upstreamList }

// Passes returns every proxy_pass, fastcgi_pass, uwsgi_pass, scgi_pass,
// grpc_pass and memcached_pass, in order.
func (c *Config) Passes() []*Node { return c.passes }

// Upstream returns the upstream block of http or stream that a name means there.
func (c *Config) Upstream(side, name string) *Node {
	return c.upstreams[side+"/"+strings.ToLower(name)]
}

// Mentions returns the directives with an argument that holds text, each once
// however often its file is included.
func (c *Config) Mentions(text string) []*Node {
	var out []*Node
	seen := map[*tree.Directive]bool{}
	c.root.Walk(func(n *Node) {
		for _, arg := range n.Args() {
			if strings.Contains(arg, text) && !seen[n.dir] {
				seen[n.dir] = true
				out = append(out, n)
			}
		}
	})
	return out
}
