package nginxconf

import "slices"

// rename is class C: the literal becomes the name of a new upstream, and what
// nginx derived from the old text is written out.
func (p *planner) rename(routes []route) error {
	if len(routes) == 0 {
		return nil
	}
	name := p.upstreamName()
	p.addUpstream(routes[0], name, slices.ContainsFunc(routes, lastVariable))
	// outer homes first, so that an inner one sees what it will inherit
	slices.SortStableFunc(routes, func(a, b route) int { return depth(a.pass) - depth(b.pass) })
	for _, r := range routes {
		h := home(r.pass)
		if other, ok := p.hosts[h]; ok && other != r.hostHeader() {
			return refuse(r.pass.Pos(), "", "one location uses two spellings of the address, %s and %s", other, r.hostHeader())
		}
		p.hosts[h] = r.hostHeader()
		p.renamed[r.pass] = ""
		if p.oneHost(r) {
			p.renamed[r.pass] = r.hostHeader()
		}
	}
	resolved := map[string]bool{}
	for _, r := range routes {
		if !resolved[r.addr.host] {
			resolved[r.addr.host] = true
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

// compensateAll compensates each home of renamed passes once for each module.
func (p *planner) compensateAll(routes []route) error {
	type place struct {
		home   *Node
		module string
	}
	var order []place
	at := map[place][]route{}
	for _, r := range routes {
		w := place{home(r.pass), moduleOf(r.pass)}
		if at[w] == nil {
			order = append(order, w)
		}
		at[w] = append(at[w], r)
	}
	for _, w := range order {
		if err := p.compensate(w.home, w.module, at[w]); err != nil {
			return err
		}
	}
	return nil
}

// compensate writes out, at the home of renamed passes, everything that nginx
// derived from the literal address.
func (p *planner) compensate(h *Node, module string, routes []route) error {
	r, tls, literal := routes[0], routes[0], routes[0]
	for _, o := range routes {
		if o.addr.scheme == "https" || o.addr.scheme == "grpcs" {
			tls = o
		}
		if !o.variable && literal.variable {
			literal = o
		}
	}
	err := p.headers(h, module, r)
	if err == nil {
		err = p.sslName(h, module, tls)
	}
	if err == nil {
		err = p.otherMentions(h, module, r)
	}
	if err != nil || module != "proxy" {
		return err
	}
	if err := p.redirect(h, module, literal); err != nil {
		return err
	}
	return p.cacheKey(h, module, r)
}
