package config

import (
	"slices"
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

// modules are the prefixes of the modules whose _pass directive hands a request to
// a server.
var modules = []string{"proxy", "fastcgi", "uwsgi", "scgi", "grpc", "memcached"}

// Module returns the prefix of a pass directive's module, "" for any other
// directive.
func Module(n *Node) string {
	if module, ok := strings.CutSuffix(n.Name(), "_pass"); ok && slices.Contains(modules, module) {
		return module
	}
	return ""
}

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
		}
	})
	return err
}

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

// Inside reports whether n is inside the block b.
func Inside(n, b *Node) bool {
	for ; n != nil; n = n.parent {
		if n == b {
			return true
		}
	}
	return false
}

// DefiningBlock returns the block whose proxy_* directives hold for a pass: "if" and
// "limit_except" take theirs from the location around them.
func DefiningBlock(pass *Node) *Node {
	n := pass.parent
	for n.Name() == "if" || n.Name() == "limit_except" {
		n = n.parent
	}
	return n
}

// Inheriting returns the defining blocks below n that have a pass of the module and inherit a
// directive from n, because no level between sets it.
func (c *Config) Inheriting(n *Node, module, name string) []*Node {
	var out []*Node
	for _, child := range n.children {
		if !child.IsBlock() || len(child.All(name)) > 0 {
			continue
		}
		if child.Name() != "if" && child.Name() != "limit_except" && len(c.PassesAt(child, module)) > 0 {
			out = append(out, child)
		}
		out = append(out, c.Inheriting(child, module, name)...)
	}
	return out
}

// Side returns the namespace of upstream names that a node lives in: "http",
// "stream", or "" elsewhere.
func Side(n *Node) string {
	for ; n != nil; n = n.parent {
		switch n.Name() {
		case "http", "stream":
			return n.Name()
		}
	}
	return ""
}
