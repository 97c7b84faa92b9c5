package config

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
