package plan

import (
	"slices"

	"edgeman/nginxconf/internal/config"
	"edgeman/nginxconf/internal/edit"
	"edgeman/nginxconf/internal/route"
	"edgeman/nginxconf/internal/tree"
)

type planner struct {
	c       *route.Finder
	o       Options
	t       Traffic
	pending edit.Pending
	notes   []Note
	stays   []Note
	losses  []Note

	ours        map[*config.Node]bool     // the passes of the plan
	led         map[string][]*config.Node // file: the passes whose address is edited there
	renamed     map[*config.Node]string   // class C passes: the old $proxy_host, "" when they have others too
	hosts       map[*config.Node]string   // the same by defining block
	authorities map[string]string         // a literal's Host: the variables that hold it for HTTP/2
	headersAt   map[*config.Node]string   // block that got a list of headers: its Host
	unbound     map[*config.Node]bool     // block that was looked at for proxy_bind
	seen        map[*config.Node]bool     // upstreams whose server lines were dealt with
	named       map[string]bool           // a literal's host: an upstream was added under that name
}

// draft collects the edits of a plan, or says why there is none.
func draft(c *route.Finder, t Traffic, o Options) (*planner, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	p := &planner{
		c: c, o: o, t: t,
		ours: map[*config.Node]bool{}, led: map[string][]*config.Node{}, renamed: map[*config.Node]string{}, hosts: map[*config.Node]string{}, headersAt: map[*config.Node]string{}, authorities: map[string]string{}, unbound: map[*config.Node]bool{}, seen: map[*config.Node]bool{}, named: map[string]bool{},
	}
	routes := p.widen()
	if len(routes) == 0 {
		return nil, config.Refuse(config.Pos{}, "", "the target is not used")
	}
	if err := p.together(routes); err != nil {
		return nil, err
	}
	if err := p.edit(routes); err != nil {
		return nil, err
	}
	p.remaining(routes)
	p.shown(routes)
	return p, p.pending.Shared(p.c.Included)
}

// widen adds the ways outside the site that share an edited directive.
func (p *planner) widen() []route.Route {
	shared := map[*tree.Directive]bool{}
	for _, r := range p.t.Routes {
		shared[edited(r)] = true
	}
	routes := slices.Clone(p.t.Routes)
	for _, r := range p.t.Elsewhere {
		switch {
		case shared[edited(r)]:
			p.note(r.Pass.Pos(), "%s (%s) shares the edited line and moves too", r.Pass, r.Pass.Parent().Path())
		case !p.o.Everywhere:
			continue
		}
		routes = append(routes, r)
	}
	return routes
}

// edited is the directive that holds a route's address.
func edited(r route.Route) *tree.Directive {
	switch {
	case r.Server != nil:
		return r.Server.Directive()
	case r.At != nil:
		return r.At.Directive()
	}
	return r.Pass.Directive()
}

func (p *planner) edit(routes []route.Route) error {
	for _, r := range routes {
		switch {
		case r.Opaque != nil:
			return r.Opaque
		case r.Addr.Unix != "":
			return config.Refuse(r.Pass.Pos(), "edgeman takes over TCP addresses of containers; let the app listen on a port that docker run -p publishes, and send the requests there", "%s is a Unix socket already", r.Text())
		}
		p.ours[r.Pass] = true
		p.leads(r)
	}
	var literals []route.Route
	done := map[*config.Node]bool{}
	for _, r := range routes {
		if err := p.checkPass(r); err != nil {
			return err
		}
		if r.Server == nil {
			literals = append(literals, r)
		} else if !done[r.Server] {
			done[r.Server] = true
			if err := p.server(r); err != nil {
				return err
			}
		}
	}
	return p.literals(literals)
}

// build turns the pending edits into file edits and proves each file.
func (p *planner) build() (*Plan, error) {
	plan := &Plan{Notes: p.notes, Stays: p.stays, Losses: p.losses}
	files, err := p.pending.Files(p.c.Files())
	plan.Files = p.order(files)
	return plan, err
}
