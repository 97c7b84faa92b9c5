package plan

import (
	"edgeman/nginxconf/internal/config"
	"edgeman/nginxconf/internal/route"
	"edgeman/nginxconf/internal/variables"
)

// UpstreamAddr is a code of Plan.Losses: $upstream_addr is more than logged.
const UpstreamAddr = "upstream-addr"

// shown looks for what depends on $upstream_addr, whose value the edit changes.
// In a log it is only to be read; anywhere else it can reach a client or the
// app, or decide something.
func (p *planner) shown(routes []route.Route) {
	reach := reachOf(routes)
	names := p.c.DependOn("upstream_addr", reach.holds)
	p.c.Root().Walk(func(n *config.Node) {
		if !reach.holds(n) {
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

// reach is where the requests of a plan's uses are handled.
type reach struct {
	servers map[*config.Node]bool
	sides   map[string]bool
}

func reachOf(routes []route.Route) reach {
	out := reach{map[*config.Node]bool{}, map[string]bool{}}
	for _, r := range routes {
		out.servers[r.Pass.Within("server")] = true
		out.sides[config.Side(r.Pass)] = true
	}
	return out
}

// holds reports whether a directive can be in force for one of the uses: it
// stands in their server, or outside of every server.
func (r reach) holds(n *config.Node) bool {
	server := n.Within("server")
	if server != nil && !server.IsBlock() { // a line of an upstream
		server = nil
	}
	return r.sides[config.Side(n)] && (server == nil || r.servers[server])
}

// shorten is a directive for a message.
func shorten(n *config.Node) string {
	if s := n.String(); len(s) <= 80 {
		return s
	}
	return n.Name()
}
