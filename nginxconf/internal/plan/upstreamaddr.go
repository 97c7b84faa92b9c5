package plan

import (
	"edgeman/nginxconf/internal/config"
	"edgeman/nginxconf/internal/route"
	"edgeman/nginxconf/internal/variables"
)

// shown looks for what depends on $upstream_addr, whose value the edit changes.
// In a log it is only to be read; anywhere else it can reach a client or the
// app, or decide something.
func (p *planner) shown(routes []route.Route) {
	holds := inForce(routes)
	names := p.c.DependOn("upstream_addr", holds)
	p.c.Root().Walk(func(n *config.Node) {
		if !holds(n) {
			return
		}
		name := variables.MentionedIn(n, names)
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

// inForce reports whether a directive can be in force for one of the routes: it
// stands in their server, or outside of every server.
func inForce(routes []route.Route) func(*config.Node) bool {
	servers, sides := map[*config.Node]bool{}, map[string]bool{}
	for _, r := range routes {
		servers[r.Pass.Within("server")] = true
		sides[config.Side(r.Pass)] = true
	}
	return func(n *config.Node) bool {
		server := n.Within("server")
		outside := server == nil || !server.IsBlock() // a line of an upstream
		return sides[config.Side(n)] && (outside || servers[server])
	}
}

// shorten is a directive for a message.
func shorten(n *config.Node) string {
	if s := n.String(); len(s) <= 80 {
		return s
	}
	return n.Name()
}
