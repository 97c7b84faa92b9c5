package check

import (
	"slices"
	"time"

	"edgeman/nginxconf"
)

// node is one directive in its context, after includes.
type (
	node    = nginxconf.Node
	version = nginxconf.Version // of nginx or of certbot
)

// position is where n is written, as findings give it.
func position(n *node) Position { return Position{n.Pos().File, n.Pos().Line} }

// first is the first direct child with that name, or nil.
func first(n *node, name string) *node {
	for _, c := range n.Children() {
		if c.Name() == name {
			return c
		}
	}
	return nil
}

// walk visits n and everything below it.
func walk(n *node, visit func(*node)) {
	visit(n)
	for _, c := range n.Children() {
		walk(c, visit)
	}
}

// find collects the directives of these names at or below n.
func find(n *node, names ...string) []*node {
	var out []*node
	walk(n, func(c *node) {
		if slices.Contains(names, c.Name()) {
			out = append(out, c)
		}
	})
	return out
}

// value is the first argument of the directive in force in block n, or fallback.
func value(n *node, name, fallback string) string {
	if l := n.Effective(name); len(l) > 0 {
		return l[len(l)-1].Arg(0)
	}
	return fallback
}

// blocks visits every block below http.
func (h *host) blocks(visit func(*node)) {
	for _, http := range h.root.All("http") {
		walk(http, func(n *node) {
			if n.IsBlock() {
				visit(n)
			}
		})
	}
}

// httpFind collects directives below http.
func (h *host) httpFind(names ...string) []*node {
	var out []*node
	for _, http := range h.root.All("http") {
		out = append(out, find(http, names...)...)
	}
	return out
}

// nginxTime reads nginx's "1h 30m", "90s", "90" and "500ms"; what it cannot
// read is 0.
func nginxTime(s string) time.Duration {
	d, _ := nginxconf.ParseDuration(s)
	return d
}
