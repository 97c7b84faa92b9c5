package plan

import (
	"slices"
	"strings"

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

// prove reads the configuration as it will be and checks that the edited uses
// end at the socket and that every other pass goes where it went.
func (p *planner) prove(plan *Plan) error {
	after := map[string][]byte{}
	for _, f := range plan.Files {
		after[f.Path] = f.After
	}
	next, err := p.c.With(after)
	if err != nil {
		return config.Refuse(config.Pos{}, "please report this", "the edited configuration is not readable: %v", err)
	}
	if len(next.Passes()) != len(p.c.Passes()) {
		return config.Refuse(config.Pos{}, "please report this", "the edit would change the number of pass directives")
	}
	for i, pass := range p.c.Passes() {
		was, is := p.c.Routes(pass), next.Routes(next.Passes()[i])
		if !p.sameRoutes(was, is, p.ours[pass]) {
			return config.Refuse(pass.Pos(), "please report this", "after the edit %q would not go where it should", pass)
		}
	}
	return nil
}

// sameRoutes compares the addresses of one pass before and after: those of the
// target become the socket in a pass of the plan, all others stay.
func (p *planner) sameRoutes(was, is []route.Route, ours bool) bool {
	if len(was) != len(is) {
		return false
	}
	socket := "unix:" + p.o.Socket
	for i := range was {
		switch before, after := p.c.PlaceOf(was[i]), p.c.PlaceOf(is[i]); {
		case ours && slices.Contains(p.t.Places, before) && after != socket:
			return false
		case after == socket:
			if !slices.Contains(p.t.Places, before) {
				return false
			}
		case strings.HasPrefix(before, "opaque:") != strings.HasPrefix(after, "opaque:"):
			return false
		case !strings.HasPrefix(before, "opaque:") && before != after:
			return false
		}
	}
	return true
}

const ownUpstreamHint = "name an upstream in the site by hand, use it in the pass directive, and adopt again"

// mustBePure refuses when passes to other addresses share the block, so that a
// line added there would change them too.
func (p *planner) mustBePure(h *config.Node, module string, r route.Route) error {
	if p.allRenamed(h, module, p.hosts[h]) {
		return nil
	}
	return config.Refuse(r.Pass.Pos(), ownUpstreamHint, "the blocks of %s send requests to several addresses", h.Path())
}

// allOurs reports whether all passes of a module at n go to the target, and
// nowhere else.
func (p *planner) allOurs(n *config.Node, module string) bool {
	stays := func(r route.Route) bool { return !slices.Contains(p.t.Places, p.c.PlaceOf(r)) }
	return !slices.ContainsFunc(p.c.PassesAt(n, module), func(pass *config.Node) bool {
		return !p.ours[pass] || slices.ContainsFunc(p.c.Routes(pass), stays)
	})
}

// allRenamed reports whether all passes of a module at n spelled the address
// as host and are renamed.
func (p *planner) allRenamed(n *config.Node, module, host string) bool {
	return !slices.ContainsFunc(p.c.PassesAt(n, module), func(pass *config.Node) bool { return p.renamed[pass] != host })
}

// inheritingElsewhere returns the blocks that inherit from n and are not renamed from
// the same host.
func (p *planner) inheritingElsewhere(n *config.Node, module, name string) []*config.Node {
	return slices.DeleteFunc(p.c.Inheriting(n, module, name), func(h *config.Node) bool { return p.allRenamed(h, module, p.hosts[n]) })
}
