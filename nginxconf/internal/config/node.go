package config

import (
	"slices"
	"strings"

	"edgeman/nginxconf/internal/tree"
)

// Node is one directive in one context, as nginx sees it after all includes:
// the directives of an included file stand where the include stood, and a file
// that is included twice yields two sets of nodes. The root node of a Config
// has no name; its children are the main context.
//
// Nodes are read-only and safe for concurrent use.
type Node struct {
	dir      *tree.Directive // nil for the root
	parent   *Node
	children []*Node
	byName   map[string][]*Node // children of a large block by name, else nil
}

// manyChildren is the size from which a block's children are indexed: a server
// with thousands of locations is searched once for each of them.
const manyChildren = 32

func (n *Node) indexChildren() {
	if len(n.children) < manyChildren {
		return
	}
	n.byName = map[string][]*Node{}
	for _, c := range n.children {
		n.byName[c.dir.Name] = append(n.byName[c.dir.Name], c)
	}
}

// Name returns the directive's name, "" for the root.
func (n *Node) Name() string {
	if n.dir == nil {
		return ""
	}
	return n.dir.Name
}

// Args returns the arguments as nginx decodes them. The caller must not change
// the slice.
func (n *Node) Args() []string {
	if n.dir == nil {
		return nil
	}
	return n.dir.Args
}

// Arg returns argument i, counted from 0, or "" when there is none.
func (n *Node) Arg(i int) string {
	if args := n.Args(); i >= 0 && i < len(args) {
		return args[i]
	}
	return ""
}

// Pos returns where the directive is written.
func (n *Node) Pos() Pos {
	if n.dir == nil {
		return Pos{}
	}
	line, column := n.dir.File.LineAt(n.dir.Start())
	return Pos{File: n.dir.File.Path, Line: line, Column: column}
}

// Directive returns the directive as it is written in its file, nil for the root.
func (n *Node) Directive() *tree.Directive { return n.dir }

// Parent returns the enclosing block, the root for the main context, nil for
// the root.
func (n *Node) Parent() *Node { return n.parent }

// Children returns the directives of a block in nginx's order. The caller must
// not change the slice.
func (n *Node) Children() []*Node { return n.children }

// IsBlock reports whether the directive has braces.
func (n *Node) IsBlock() bool { return n.dir == nil || n.dir.IsBlock() }

// All returns the direct children with this name. The caller must not change
// the slice.
func (n *Node) All(name string) []*Node {
	if n.byName != nil {
		return n.byName[name]
	}
	var out []*Node
	for _, c := range n.children {
		if c.dir.Name == name {
			out = append(out, c)
		}
	}
	return out
}

// Last returns the last direct child with this name, nil if there is none.
func (n *Node) Last(name string) *Node {
	if all := n.All(name); len(all) > 0 {
		return all[len(all)-1]
	}
	return nil
}

// Effective returns the lines of a directive that hold inside the block n: its
// own, else those of the nearest enclosing block that has any. This is nginx's
// rule for every directive that is inherited, lists included (ngx_conf_merge_*): one
// line at an inner level replaces the whole list of the outer ones.
func (n *Node) Effective(name string) []*Node {
	for ; n != nil; n = n.parent {
		if lines := n.All(name); lines != nil {
			return lines
		}
	}
	return nil
}

// Setting returns the first argument of a directive that holds inside the block n,
// "" where there is none.
func (n *Node) Setting(name string) string {
	if lines := n.Effective(name); lines != nil {
		return lines[0].Arg(0)
	}
	return ""
}

// Within returns the nearest enclosing block with this name, n itself
// included, or nil.
func (n *Node) Within(name string) *Node {
	for ; n != nil; n = n.parent {
		if n.Name() == name {
			return n
		}
	}
	return nil
}

// Listens tells how clients reach a server: in the clear, over TLS, or either way.
// "ssl on", which nginx before 1.25.1 takes (ngx_http_ssl_module), speaks for
// every listen line and is inherited from http.
func (n *Node) Listens() (plain, tls bool) {
	for _, l := range n.All("listen") {
		secure := slices.Contains(l.Args(), "ssl") || slices.Contains(l.Args(), "quic")
		plain, tls = plain || !secure, tls || secure
	}
	return plain, tls || n.Setting("ssl") == "on"
}

// String returns the directive on one line without its block.
func (n *Node) String() string {
	return strings.Join(append([]string{n.Name()}, n.Args()...), " ")
}

// Path describes the block n for people: "server example.com, location /api".
func (n *Node) Path() string {
	var parts []string
	for ; n != nil && n.parent != nil; n = n.parent {
		if !n.IsBlock() || n.Name() == "http" || n.Name() == "stream" {
			continue
		}
		parts = append([]string{n.title()}, parts...)
	}
	return strings.Join(parts, ", ")
}

func (n *Node) title() string {
	if n.Name() != "server" {
		return n.String()
	}
	if names := n.Last("server_name"); names != nil && names.Arg(0) != "" {
		return "server " + names.Arg(0)
	}
	if listen := n.Last("listen"); listen != nil {
		return "server " + listen.Arg(0)
	}
	return "server"
}

// Walk calls f for n and everything below it, in order.
func (n *Node) Walk(f func(*Node)) {
	if n.dir != nil {
		f(n)
	}
	for _, c := range n.children {
		c.Walk(f)
	}
}
