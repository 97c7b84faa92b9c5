package plan

import (
	"edgeman/nginxconf/internal/config"
	"edgeman/nginxconf/internal/route"
)

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
