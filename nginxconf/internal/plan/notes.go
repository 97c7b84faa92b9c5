package plan

import (
	"fmt"
	"slices"
	"strings"

	"edgeman/nginxconf/internal/config"
	"edgeman/nginxconf/internal/route"
	"edgeman/nginxconf/internal/tree"
)

// Codes of Plan.Stays and Plan.Losses.
const (
	SeveralPlaces  = "several-places"  // the address leads elsewhere, too
	LostStickiness = "lost-stickiness" // clients are no longer tied to one copy
	LostWeights    = "lost-weights"    // copies no longer get unequal shares
	UpstreamAddr   = "upstream-addr"   // $upstream_addr is more than logged
)

// touches reports whether an address leads to one of the places that go.
func (p *planner) touches(a route.Address, fallback string) bool {
	return slices.ContainsFunc(p.c.Places(a, fallback), func(place string) bool { return slices.Contains(p.t.Places, place) })
}

// remaining notes what keeps the old address.
func (p *planner) remaining(routes []route.Route) {
	gone := map[*tree.Directive]bool{}
	for _, r := range routes {
		gone[edited(r)] = true
	}
	for _, pass := range p.c.Passes() {
		for _, r := range p.c.Routes(pass) {
			switch {
			case r.Opaque != nil || !p.touches(r.Addr, r.Fallback) || gone[edited(r)]:
			case len(p.c.Places(r.Addr, r.Fallback)) > 1:
				p.stay(pass, SeveralPlaces, "%s (%s) goes to %s, which is this app and another in turn, and fails in part when this one's port is gone", pass, pass.Parent().Path(), r.Text())
			default:
				p.stay(pass, "", "%s (%s) still goes to %s and fails when that port is gone", pass, pass.Parent().Path(), r.Text())
			}
		}
		if address := p.mayReach(pass); address != "" {
			p.stay(pass, "", "%s (%s) can get %s from a variable, and fails then when that port is gone", pass, pass.Parent().Path(), address)
		}
	}
	p.c.Root().Walk(func(n *config.Node) {
		if !calls(n) {
			return
		}
		if a, ok := route.ParsePass(n.Arg(0)); ok && p.touches(a, "80") {
			p.stay(n, "", "%s still goes there and fails when that port is gone", n)
		}
	})
}

func (p *planner) note(pos config.Pos, format string, args ...any) {
	p.notes = addNote(p.notes, pos, "", fmt.Sprintf(format, args...))
}

func (p *planner) stay(n *config.Node, code, format string, args ...any) {
	p.stays = addNote(p.stays, n.Pos(), code, fmt.Sprintf(format, args...))
}

func (p *planner) lose(code string, pos config.Pos, format string, args ...any) {
	p.losses = addNote(p.losses, pos, code, fmt.Sprintf(format, args...))
}

// addNote adds what is not there yet.
func addNote(list []Note, pos config.Pos, code, text string) []Note {
	n := Note{Pos: pos, Code: code, Text: text}
	if slices.Contains(list, n) {
		return list
	}
	return append(list, n)
}

// calls reports whether a directive of the mail or the RTMP module makes
// requests to the address that it names.
func calls(n *config.Node) bool {
	return n.Name() == "auth_http" && n.Within("mail") != nil || strings.HasPrefix(n.Name(), "on_") && n.Within("rtmp") != nil
}

// mayReach returns one of the addresses that a pass can get from a variable of
// which not all values are known, "" if it gets none of those that go.
func (p *planner) mayReach(pass *config.Node) string {
	if first := p.c.Routes(pass)[0]; first.Opaque == nil || first.Unresolved {
		return ""
	}
	for _, value := range p.c.Written(pass, pass.Arg(0)) {
		if a, ok := route.ParsePass(value); ok && p.touches(a, "80") {
			return value
		}
	}
	return ""
}
