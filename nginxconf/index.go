package nginxconf

import (
	"strings"
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

// moduleOf returns the prefix of a pass directive's module, "" for any other
// directive.
func moduleOf(n *Node) string { return modules[n.Name()] }

// index holds what is looked up often.
type index struct {
	passes       []*Node           // in order
	upstreams    map[string]*Node  // "http/name", "stream/name"; names in lower case
	upstreamList []*Node           // in order
	servers      []*Node           // server blocks of http and stream
	passesOf     map[*Node][]*Node // defining block: the passes it holds for
}

func buildIndex(root *Node) (index, error) {
	x := index{upstreams: map[string]*Node{}, passesOf: map[*Node][]*Node{}}
	var err error
	root.indexChildren()
	root.walk(func(n *Node) {
		n.indexChildren()
		if e := checkArity(n); e != nil && err == nil {
			err = e
		}
		switch {
		case moduleOf(n) != "":
			x.passes = append(x.passes, n)
			x.passesOf[home(n)] = append(x.passesOf[home(n)], n)
		case n.Name() == "upstream" && n.IsBlock():
			x.upstreams[side(n)+"/"+strings.ToLower(n.Arg(0))] = n
			x.upstreamList = append(x.upstreamList, n)
		case n.Name() == "server" && n.IsBlock():
			x.servers = append(x.servers, n)
		}
	})
	return x, err
}

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
func (c *conf) Servers() []*Node { return c.servers }

// Upstreams returns the upstream blocks of http and stream, in order.
func (c *conf) Upstreams() []*Node { return c.upstreamList }

// Passes returns every proxy_pass, fastcgi_pass, uwsgi_pass, scgi_pass,
// grpc_pass and memcached_pass, in order.
func (c *conf) Passes() []*Node { return c.passes }

// upstream returns the upstream block of http or stream that a name means there.
func (c *conf) upstream(side, name string) *Node {
	return c.upstreams[side+"/"+strings.ToLower(name)]
}
