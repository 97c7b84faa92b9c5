package plan

import (
	"slices"

	"edgeman/nginxconf/internal/config"
	"edgeman/nginxconf/internal/route"
)

const ownUpstreamHint = "name an upstream in the site by hand, use it in the pass directive, and adopt again"

// mustBePure refuses when passes to other addresses share the block, so that a
// line added there would change them too.
func (p *planner) mustBePure(h *config.Node, module string, r route.Route) error {
	if p.allRenamed(h, module, p.hosts[h]) {
		return nil
	}
	return config.Refuse(r.Pass.Pos(), ownUpstreamHint, "the blocks of %s send requests to several addresses", h.Path())
}

// insertAtPass adds lines to a block: after its own pass, else at its end.
func (p *planner) insertAtPass(h *config.Node, r route.Route, why string, lines ...string) {
	if r.Pass.Parent() == h {
		p.pending.InsertAfter(r.Pass, why, lines...)
		return
	}
	p.pending.InsertLast(h, why, lines...)
}

// insertLast adds lines after a directive of h, or at the end of h when the
// directive comes from another file.
func (p *planner) insertLast(h, after *config.Node, why string, lines ...string) {
	if after.Directive().File == h.Directive().File {
		p.pending.InsertAfter(after, why, lines...)
		return
	}
	p.pending.InsertLast(h, why, lines...)
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
