package plan

import (
	"slices"
	"strings"

	"edgeman/nginxconf/internal/config"
	"edgeman/nginxconf/internal/route"
)

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
