package plan

import (
	"slices"
	"strings"

	"edgeman/nginxconf/internal/config"
	"edgeman/nginxconf/internal/edit"
	"edgeman/nginxconf/internal/route"
	"edgeman/nginxconf/internal/variables"
)

// copyLines returns directives as text, with $proxy_host and $proxy_port
// replaced if r has an address.
func copyLines(lines []*config.Node, r route.Route) []string {
	var out []string
	for _, l := range lines {
		s := l.Name()
		for i := range l.Args() {
			text := edit.Raw(l, i)
			if !variables.IsPattern(l, i) {
				text = substituteHost(text, r)
			}
			s += " " + text
		}
		out = append(out, s+";")
	}
	return out
}

func substituteHost(text string, r route.Route) string {
	if r.Addr.Host == "" {
		return text
	}
	return variables.Substitute(variables.Substitute(text, "proxy_host", r.HostHeader()), "proxy_port", r.Port())
}

// substituteIn replaces $proxy_host and $proxy_port in directives in place.
func (p *planner) substituteIn(lines []*config.Node, r route.Route) {
	for _, l := range lines {
		for i := range l.Args() {
			start, end := l.Directive().Arg(i).Inner()
			old := string(l.Directive().File.Src[start:end])
			if text := substituteHost(old, r); text != old && !variables.IsPattern(l, i) {
				p.pending.ReplaceWholeArg(l, i, text, "$proxy_host stays what it was")
			}
		}
	}
}

// otherMentions handles $proxy_host and $proxy_port of a proxy_pass outside the lists that
// have rules of their own.
func (p *planner) otherMentions(h *config.Node, module string, r route.Route) error {
	server := h.Within("server")
	for _, n := range p.c.HostUsers {
		if s := n.Within("server"); config.Side(n) != "http" || s != nil && s != server {
			continue
		}
		if err := p.otherMention(h, n, module, r); err != nil {
			return err
		}
	}
	return nil
}

func (p *planner) otherMention(h, n *config.Node, module string, r route.Route) error {
	if variables.LuaUsesHost(n) {
		return config.Refuse(n.Pos(), ownUpstreamHint, "the Lua code uses the literal address")
	}
	if slices.Contains([]string{"proxy_set_header", "proxy_redirect", "proxy_cache_key"}, n.Name()) {
		return nil
	}
	if n.Name() == "log_format" {
		p.note(n.Pos(), "the log shows the new upstream's name in place of %s", r.HostHeader())
		return nil
	}
	whileProxying := strings.HasPrefix(n.Name(), "proxy_") && config.Module(n) == "" // else the variable can be empty: in a redirect, say
	at := n.Parent()
	for at != h && (at.Name() == "if" || at.Name() == "limit_except") {
		at = at.Parent()
	}
	if at == h && whileProxying && p.allRenamed(h, module, p.hosts[h]) && len(p.inheritingElsewhere(h, module, n.Name())) == 0 {
		p.substituteIn([]*config.Node{n}, r)
		return nil
	}
	if at.Name() == "location" && at.Within("location") != h && !config.Inside(h, at) {
		return nil // another location: evaluated for another pass
	}
	return config.Refuse(n.Pos(), ownUpstreamHint, "%q uses the literal address, for this site or others", n.Name())
}

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
