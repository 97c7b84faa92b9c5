package nginxconf

import (
	"slices"
	"strings"
)

// home returns the block whose proxy_* directives hold for a pass: "if" and
// "limit_except" take theirs from the location around them.
func home(pass *Node) *Node {
	n := pass.parent
	for n.Name() == "if" || n.Name() == "limit_except" {
		n = n.parent
	}
	return n
}

// passesAt returns the passes of one module whose home is n.
func (c *conf) passesAt(n *Node, module string) []*Node {
	var out []*Node
	for _, p := range c.passesOf[n] {
		if moduleOf(p) == module {
			out = append(out, p)
		}
	}
	return out
}

// allOurs reports whether all passes of a module at n go to the target, and
// nowhere else.
func (p *planner) allOurs(n *Node, module string) bool {
	stays := func(r route) bool { return !slices.Contains(p.t.Places, p.c.placeOf(r)) }
	for _, pass := range p.c.passesAt(n, module) {
		if !p.ours[pass] || slices.ContainsFunc(p.c.routes(pass), stays) {
			return false
		}
	}
	return true
}

// allRenamed reports whether all passes of a module at n spelled the address
// as host and are renamed.
func (p *planner) allRenamed(n *Node, module, host string) bool {
	for _, pass := range p.c.passesAt(n, module) {
		if p.renamed[pass] != host {
			return false
		}
	}
	return true
}

// heirs returns the homes below n that have a pass of the module and inherit a
// directive from n, because no level between sets it.
func (c *conf) heirs(n *Node, module, name string) []*Node {
	var out []*Node
	for _, child := range n.children {
		if !child.IsBlock() || len(child.All(name)) > 0 {
			continue
		}
		if child.Name() != "if" && child.Name() != "limit_except" && len(c.passesAt(child, module)) > 0 {
			out = append(out, child)
		}
		out = append(out, c.heirs(child, module, name)...)
	}
	return out
}

// foreignHeirs returns the heirs of n that are not renamed from the same host.
func (p *planner) foreignHeirs(n *Node, module, name string) []*Node {
	return slices.DeleteFunc(p.c.heirs(n, module, name), func(h *Node) bool { return p.allRenamed(h, module, p.hosts[n]) })
}

// mentions reports whether text uses a variable, as $name or ${name}. Names of
// variables are given in lower case here; nginx takes any.
func mentions(text, name string) bool {
	if !strings.Contains(text, "$") {
		return false
	}
	_, found := substitute(text, name, "")
	return found
}

// substitute replaces a variable in text. A variable in front of it gets
// braces where its name would otherwise run into the value.
func substitute(text, name, value string) (string, bool) {
	var out []byte
	found := false
	last := -1 // where the unbraced variable that ends out begins
	for i := 0; i < len(text); {
		if n := variableAt(text[i:], name); n > 0 {
			if last >= 0 && value != "" && isVariableByte(value[0]) {
				before := string(out[last+1:])
				out = append(out[:last], "${"+before+"}"...)
			}
			out = append(out, value...)
			found, last = true, -1
			i += n
			continue
		}
		switch {
		case text[i] == '$':
			last = len(out)
		case !isVariableByte(text[i]):
			last = -1
		}
		out = append(out, text[i])
		i++
	}
	return string(out), found
}

// variableAt returns the length of $name or ${name} at the beginning of text,
// 0 if it is not there.
func variableAt(text, name string) int {
	if n := len(name) + 3; len(text) >= n && strings.EqualFold(text[:n], "${"+name+"}") {
		return n
	}
	n := len(name) + 1
	if len(text) >= n && strings.EqualFold(text[:n], "$"+name) && (len(text) == n || !isVariableByte(text[n])) {
		return n
	}
	return 0
}

func isVariableByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}
