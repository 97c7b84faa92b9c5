package plan

import (
	"slices"

	"edgeman/nginxconf/internal/config"
	"edgeman/nginxconf/internal/route"
)

func depth(n *config.Node) int {
	d := 0
	for ; n != nil; n = n.Parent() {
		d++
	}
	return d
}

// rename is class C: the literal becomes the name of a new upstream, and what
// nginx derived from the old text is written out.
func (p *planner) rename(routes []route.Route) error {
	if len(routes) == 0 {
		return nil
	}
	name := p.upstreamName()
	p.addUpstream(routes[0], name, slices.ContainsFunc(routes, lastVariable))
	// outer blocks first, so that an inner one sees what it will inherit
	slices.SortStableFunc(routes, func(a, b route.Route) int { return depth(a.Pass) - depth(b.Pass) })
	for _, r := range routes {
		h := config.DefiningBlock(r.Pass)
		if other, ok := p.hosts[h]; ok && other != r.HostHeader() {
			return config.Refuse(r.Pass.Pos(), "", "one location uses two spellings of the address, %s and %s", other, r.HostHeader())
		}
		p.hosts[h] = r.HostHeader()
		p.renamed[r.Pass] = ""
		if p.oneHost(r) {
			p.renamed[r.Pass] = r.HostHeader()
		}
	}
	resolved := map[string]bool{}
	for _, r := range routes {
		if !resolved[r.Addr.Host] {
			resolved[r.Addr.Host] = true
			if err := p.stillResolved(r); err != nil {
				return err
			}
		}
		if lastVariable(r) {
			p.respell(r, "$"+variableOf(name), "the address becomes the upstream")
		} else {
			p.respell(r, name, "the address becomes the upstream")
		}
	}
	return p.compensateAll(routes)
}

// compensateAll compensates each block of renamed passes once for each module.
func (p *planner) compensateAll(routes []route.Route) error {
	type place struct {
		block  *config.Node
		module string
	}
	var order []place
	at := map[place][]route.Route{}
	for _, r := range routes {
		w := place{config.DefiningBlock(r.Pass), config.Module(r.Pass)}
		if at[w] == nil {
			order = append(order, w)
		}
		at[w] = append(at[w], r)
	}
	for _, w := range order {
		if err := p.compensate(w.block, w.module, at[w]); err != nil {
			return err
		}
	}
	return nil
}

// compensate writes out, at the block of renamed passes, everything that nginx
// derived from the literal address.
func (p *planner) compensate(h *config.Node, module string, routes []route.Route) error {
	r, tls, literal := routes[0], routes[0], routes[0]
	for _, o := range routes {
		if o.Addr.Scheme == "https" || o.Addr.Scheme == "grpcs" {
			tls = o
		}
		if !o.Variable && literal.Variable {
			literal = o
		}
	}
	err := p.headers(h, module, r)
	if err == nil {
		err = p.sslName(h, module, tls)
	}
	if err != nil || module != "proxy" {
		return err
	}
	if err = p.otherMentions(h, module, r); err == nil {
		err = p.redirect(h, module, literal)
	}
	if err == nil {
		err = p.cacheKey(h, module, r)
	}
	return err
}
