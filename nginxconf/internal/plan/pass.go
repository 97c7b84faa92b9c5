package plan

import (
	"slices"
	"strings"

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

// checkPass refuses what makes a pass fail on, or differ for, a Unix socket.
func (p *planner) checkPass(r route.Route) error {
	if config.Side(r.Pass) == "stream" {
		for _, l := range r.Pass.Parent().All("listen") {
			if slices.Contains(l.Args(), "udp") {
				return config.Refuse(l.Pos(), "put what listens for UDP into a server block of its own; the TCP one can be taken over", "the server listens for UDP, which a stream socket does not carry")
			}
		}
	}
	return p.bind(r)
}

// sslName keeps the name that TLS to the app is checked against.
func (p *planner) sslName(h *config.Node, module string, r route.Route) error {
	if r.Addr.Scheme != "https" && r.Addr.Scheme != "grpcs" {
		return nil
	}
	name := module + "_ssl_name"
	if h.Effective(name) != nil {
		return nil
	}
	if err := p.mustBePure(h, module, r); err != nil {
		return err
	}
	if heirs := p.inheritingElsewhere(h, module, name); len(heirs) > 0 {
		return config.Refuse(heirs[0].Pos(), ownUpstreamHint, "an inner location would inherit %s", name)
	}
	p.insertAtPass(h, r, "the name in TLS stays", name+" "+r.Addr.Host+";")
	return nil
}

// plainTLS refuses TLS to an address in modules where the name that is checked
// comes from that address and the edit replaces it in place.
func plainTLS(r route.Route) error {
	tls := r.Addr.Scheme == "suwsgi"
	name := config.Module(r.Pass) + "_ssl_name"
	if config.Side(r.Pass) == "stream" {
		tls = strings.EqualFold(r.Pass.Parent().Setting("proxy_ssl"), "on")
	}
	if tls && r.Pass.Parent().Effective(name) == nil {
		return config.Refuse(r.Pass.Pos(), "set "+name, "%q uses TLS, and the name it asks for comes from the address", r.Pass)
	}
	return nil
}
