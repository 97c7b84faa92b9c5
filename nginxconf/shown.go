package nginxconf

import (
	"slices"
	"strings"
)

// UpstreamAddr is a code of Plan.Losses: $upstream_addr is more than logged.
const UpstreamAddr = "upstream-addr"

// shown looks for what depends on $upstream_addr, whose value the edit changes.
// In a log it is only to be read; anywhere else it can reach a client or the
// app, or decide something.
func (p *planner) shown(routes []route) {
	reach := reachOf(routes)
	names := p.c.dependOn("upstream_addr", reach.holds)
	p.c.root.walk(func(n *Node) {
		if !reach.holds(n) {
			return
		}
		name := mentionedIn(n, names)
		text := "$upstream_addr"
		if name != "upstream_addr" {
			text = "$" + name + ", which depends on $upstream_addr"
		}
		switch {
		case name == "":
		case n.Name() == "log_format":
			p.note(n.Pos(), "%s in log_format: that becomes unix:%s", text, p.o.Socket)
		default:
			p.lose(UpstreamAddr, n.Pos(), "%q uses %s: that becomes unix:%s", shorten(n), text, p.o.Socket)
		}
	})
}

// reach is where the requests of a plan's uses are handled.
type reach struct {
	servers map[*Node]bool
	sides   map[string]bool
}

func reachOf(routes []route) reach {
	out := reach{map[*Node]bool{}, map[string]bool{}}
	for _, r := range routes {
		out.servers[r.pass.Within("server")] = true
		out.sides[side(r.pass)] = true
	}
	return out
}

// holds reports whether a directive can be in force for one of the uses: it
// stands in their server, or outside of every server.
func (r reach) holds(n *Node) bool {
	server := n.Within("server")
	if server != nil && !server.IsBlock() { // a line of an upstream
		server = nil
	}
	return r.sides[side(n)] && (server == nil || r.servers[server])
}

// dependOn returns a variable and those that are made from it, by set, map and
// the like, where holds says so.
func (c *variables) dependOn(name string, holds func(*Node) bool) []string {
	names := []string{name}
	for i := 0; i < len(names); i++ {
		c.root.walk(func(n *Node) {
			if derives(n) == "" || !holds(n) || !takesFrom(n, names[i]) {
				return
			}
			for _, v := range append(captured(n), derives(n)) {
				if !slices.Contains(names, v) {
					names = append(names, v)
				}
			}
		})
	}
	return names
}

// derives returns the variable that a directive, or a row of a table, gives a
// value to that is made from its arguments, "" for none.
func derives(n *Node) string {
	switch {
	case isTable(n.parent):
		return definedVariable(n.parent)
	case n.Name() == "auth_request_set":
		return strings.ToLower(strings.TrimPrefix(n.Arg(0), "$"))
	}
	return definedVariable(n)
}

// captured returns the variables that the rows of a map take out of its source.
func captured(table *Node) []string {
	var out []string
	for _, row := range table.children {
		out = append(out, captures(row.Name())...)
	}
	return out
}

// mentionedIn returns the first of the variables that a directive uses for
// something else than giving a value to another one, "" for none.
func mentionedIn(n *Node, names []string) string {
	if derives(n) != "" {
		return ""
	}
	code := luaCode(n)
	for _, name := range names {
		if strings.Contains(code, name) || takesFrom(n, name) {
			return name
		}
	}
	return ""
}

func takesFrom(n *Node, name string) bool {
	return slices.ContainsFunc(n.Args(), func(a string) bool { return mentions(a, name) })
}

// luaCode returns the Lua code of a directive in lower case, "" if it has none.
func luaCode(n *Node) string {
	if code := n.dir.Lua(); code != nil {
		return strings.ToLower(string(code))
	}
	if strings.Contains(n.Name(), "_by_lua") {
		return strings.ToLower(n.String())
	}
	return ""
}

// shorten is a directive for a message.
func shorten(n *Node) string {
	if s := n.String(); len(s) <= 80 {
		return s
	}
	return n.Name()
}
