package variables

import (
	"slices"
	"strings"

	"edgeman/nginxconf/internal/config"
)

// Reader is a directive that uses a value, and how often; Lua code does it an
// unknown number of times.
type Reader struct {
	Node  *config.Node
	Times int
}

// Readers returns what uses a value that a set or a row of a table gives a variable
// of a pass, be it handed on to other variables first.
func (c *Variables) Readers(value, pass *config.Node) []Reader {
	def := value
	if def.Name() != "set" {
		def = def.Parent()
	}
	name := definedVariable(def)
	names := c.handedOn(name)
	elsewhere := func(n *config.Node) bool { // another server has a variable of its own, another pass can have a value of its own
		server := n.Within("server")
		return def.Name() == "set" && server != nil && (server != pass.Within("server") ||
			len(names) == 1 && config.Module(n) != "" && !slices.Contains(c.reaching(n, name).sets, def))
	}
	var out []Reader
	c.Root().Walk(func(n *config.Node) {
		times := timesRead(n, names)
		if n == def || handsOn(n, names) != "" || times == 0 && !namesOne(string(n.Directive().Lua()), names) || elsewhere(n) {
			return
		}
		out = append(out, Reader{n, times})
	})
	return out
}

// handedOn returns a variable and those that can have the same value, because a
// set or a row of a table gives them that and nothing else.
func (c *Variables) handedOn(name string) []string {
	names := []string{name}
	for i := 0; i < len(names); i++ {
		c.Root().Walk(func(n *config.Node) {
			if v := handsOn(n, names[i:i+1]); v != "" && !slices.Contains(names, v) {
				names = append(names, v)
			}
		})
	}
	return names
}

// handsOn returns the variable to which a set, or a row of a table, gives the
// value of one of others as it is, "" for none.
func handsOn(n *config.Node, names []string) string {
	args, v := n.Args(), ""
	switch {
	case n.Name() == "set" && len(args) == 2:
		v = definedVariable(n)
	case n.Parent() != nil && isTable(n.Parent()) && len(args) == 1:
		v = definedVariable(n.Parent())
	default:
		return ""
	}
	if from := wholeVariable(args[len(args)-1]); from == "" || !slices.Contains(names, from) {
		return ""
	}
	return v
}

func namesOne(code string, names []string) bool {
	code = strings.ToLower(code)
	return slices.ContainsFunc(names, func(name string) bool { return strings.Contains(code, name) })
}

// timesRead counts variables in the arguments of a directive, except the one that
// it defines.
func timesRead(n *config.Node, names []string) int {
	count := 0
	for i, a := range n.Args() {
		if definedVariable(n) != "" && i == definedAt(n) {
			continue
		}
		for _, name := range names {
			count += times(a, name)
		}
	}
	return count
}
