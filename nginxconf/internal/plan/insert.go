package plan

import (
	"edgeman/nginxconf/internal/config"
	"edgeman/nginxconf/internal/route"
)

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
