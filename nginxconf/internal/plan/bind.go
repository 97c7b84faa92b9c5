package plan

import (
	"slices"

	"edgeman/nginxconf/internal/config"
	"edgeman/nginxconf/internal/route"
)

// bind handles proxy_bind and its like. With an address to bind to, nginx
// cannot connect to a Unix socket: it answers 500, and nginx -t says nothing.
func (p *planner) bind(r route.Route) error {
	module := config.Module(r.Pass)
	name := module + "_bind"
	h := config.DefiningBlock(r.Pass)
	lines := h.Effective(name)
	if lines == nil || lines[0].Arg(0) == "off" || p.unbound[h] {
		return nil
	}
	p.unbound[h] = true
	line := lines[0]
	if slices.Contains(line.Args(), "transparent") {
		return config.Refuse(line.Pos(), "", "%q shows the app the client's address, which a Unix socket cannot", line)
	}
	foreign := func(n *config.Node) bool { return !p.allOurs(n, module) }
	if foreign(h) || slices.ContainsFunc(p.c.Inheriting(h, module, name), foreign) {
		return config.Refuse(line.Pos(), "set it to off where the app is passed to",
			"%q is needed for other addresses and cannot be used with a Unix socket", line)
	}
	if line.Parent() == h {
		p.pending.ReplaceWholeArg(line, 0, "off", "nginx cannot bind to an address for a Unix socket")
		return nil
	}
	p.insertAtPass(h, r, "nginx cannot bind to an address for a Unix socket", name+" off;")
	return nil
}
