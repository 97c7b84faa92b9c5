package plan

import (
	"slices"
	"strconv"
	"strings"

	"edgeman/nginxconf/internal/config"
	"edgeman/nginxconf/internal/route"
)

// together refuses to join addresses that some use reaches without the others:
// it would get the other copies' answers, too.
func (p *planner) together(routes []route.Route) error {
	for _, r := range routes {
		if len(p.t.Places) < 2 || r.Opaque != nil {
			continue
		}
		for _, place := range p.t.Places {
			if r.Upstream == nil || !slices.Contains(p.c.Balanced(r.Upstream), place) {
				return config.Refuse(r.Pass.Pos(), "send it through the same upstream as the rest",
					"%s (%s) reaches %s alone, and would reach every copy of the app", r.Pass, r.Pass.Parent().Path(), r.Text())
			}
		}
	}
	return nil
}

// copies deals with what several server lines of one app mean to nginx beyond
// their addresses. The lines stay: nginx tries a request that failed again on
// another line, as often as before (proxy_next_upstream). Where there are copies
// each line leads to every copy, so none may be blamed for a failure: without
// max_fails=0 one bad copy would use up all lines, and nginx would answer 502.
func (p *planner) copies(up *config.Node) {
	var lines []*config.Node
	var places []string
	shares := map[string]int{}
	for _, s := range up.All("server") {
		if !p.isOurs(s) || route.Spare(s) {
			continue
		}
		lines = append(lines, s)
		place := p.placeOf(s)
		if !slices.Contains(places, place) {
			places = append(places, place)
		}
		shares[place] += weight(s)
	}
	if len(lines) < 2 {
		return
	}
	const keeps = "upstream %s keeps its %d server lines, so that nginx tries a failed request again as often as before"
	if len(places) == 1 {
		p.note(up.Pos(), keeps, up.Arg(0), len(lines))
		return
	}
	for _, s := range lines {
		p.blameless(s)
	}
	p.note(up.Pos(), keeps+"; each leads to every copy", up.Arg(0), len(lines))
	for _, name := range []string{"ip_hash", "hash"} {
		if d := up.Last(name); d != nil {
			p.lose(LostStickiness, d.Pos(), "%q ties clients to one server of upstream %s; the copies of one app take any connection", d, up.Arg(0))
		}
	}
	for _, s := range lines[1:] {
		if first, now := shares[places[0]], shares[p.placeOf(s)]; first != now {
			p.lose(LostWeights, s.Pos(), "%s has weight %d and %s has %d; the copies of one app get equal shares", s.Arg(0), now, lines[0].Arg(0), first)
			return
		}
	}
}

// placeOf names what answers at a server line.
func (p *planner) placeOf(s *config.Node) string {
	a, _ := route.ParseServer(s.Arg(0))
	return p.c.Place(a, "80")
}

func (p *planner) isOurs(s *config.Node) bool {
	return slices.Contains(p.t.Places, p.placeOf(s))
}

// blameless keeps nginx from counting a server line's failures.
func (p *planner) blameless(s *config.Node) {
	const why = "the line leads to every copy, so it must not be taken out of use for the failures of one"
	given := false
	for i, arg := range s.Args() {
		if strings.HasPrefix(arg, "max_fails=") {
			given = true
			p.pending.ReplaceWholeArg(s, i, "max_fails=0", why)
		}
	}
	if !given {
		p.pending.InsertArg(s, 0, "max_fails=0", why)
	}
}

func weight(s *config.Node) int {
	for _, arg := range s.Args() {
		if w, ok := strings.CutPrefix(arg, "weight="); ok {
			n, _ := strconv.Atoi(w) // nginx takes nothing else
			return n
		}
	}
	return 1
}

// spares notes the server lines that stay beside the app's.
func (p *planner) spares(up *config.Node) {
	for _, s := range up.All("server") {
		switch {
		case !route.Spare(s) || p.isOurs(s):
		case slices.Contains(s.Args(), "down"):
			p.note(s.Pos(), "%s is marked down in upstream %s and stays as it is", s.Arg(0), up.Arg(0))
		default:
			p.note(s.Pos(), "%s stays the backup of upstream %s; while the app is down requests wait in its socket first", s.Arg(0), up.Arg(0))
		}
	}
}
