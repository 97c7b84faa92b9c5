package nginxconf

import (
	"slices"
	"strconv"
	"strings"
)

// Codes of Plan.Losses.
const (
	LostStickiness = "lost-stickiness" // clients are no longer tied to one copy
	LostWeights    = "lost-weights"    // copies no longer get unequal shares
)

// Together sorts a site's targets into the apps that they can become. Addresses
// between which an upstream spreads its requests belong to one app, whose copies
// they are; any other target is an app of its own. The first target of several
// carries the Refusal of all.
func (c *Config) Together(targets []Target) [][]Target {
	group := map[string]int{} // by place
	for i, t := range targets {
		group[t.place] = i
	}
	for _, t := range targets {
		for _, u := range t.Uses {
			if u.route.upstream == nil || spare(u.route.server) {
				continue
			}
			for _, key := range c.finder.spread(u.route.upstream) {
				if other, ok := group[key]; ok && other != group[t.place] {
					merge(group, other, group[t.place])
				}
			}
		}
	}
	var out [][]Target
	at := map[int]int{} // group: place in out
	for _, t := range targets {
		g := group[t.place]
		if _, ok := at[g]; !ok {
			at[g] = len(out)
			out = append(out, nil)
		}
		out[at[g]] = append(out[at[g]], t)
	}
	for _, app := range out {
		if len(app) > 1 {
			_, app[0].Refusal = c.trial(app)
		}
	}
	return out
}

func merge(group map[string]int, from, to int) {
	for key, g := range group {
		if g == from {
			group[key] = to
		}
	}
}

// spare reports whether nginx sends requests to a server line only when the
// others fail, or never. nil is no server line.
func spare(s *Node) bool {
	return s != nil && (slices.Contains(s.Args(), "backup") || slices.Contains(s.Args(), "down"))
}

// spread lists the addresses between which an upstream spreads its requests.
func (c *finder) spread(up *Node) []string {
	var keys []string
	for _, s := range up.All("server") {
		if a, ok := parseServer(s.Arg(0)); ok && !spare(s) {
			keys = append(keys, c.place(a, "80"))
		}
	}
	return keys
}

// together refuses to join addresses that some use reaches without the others:
// it would get the other copies' answers, too.
func (p *planner) together(routes []route) error {
	for _, r := range routes {
		if len(p.t.Places) < 2 || r.opaque != nil {
			continue
		}
		for _, place := range p.t.Places {
			if r.upstream == nil || !slices.Contains(p.c.spread(r.upstream), place) {
				return refuse(r.pass.Pos(), "send it through the same upstream as the rest",
					"%s (%s) reaches %s alone, and would reach every copy of the app", r.pass, r.pass.parent.Path(), r.text())
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
func (p *planner) copies(up *Node) {
	var lines []*Node
	var places []string
	shares := map[string]int{}
	for _, s := range up.All("server") {
		if !p.isOurs(s) || spare(s) {
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
func (p *planner) placeOf(s *Node) string {
	a, _ := parseServer(s.Arg(0))
	return p.c.place(a, "80")
}

func (p *planner) isOurs(s *Node) bool {
	return slices.Contains(p.t.Places, p.placeOf(s))
}

// blameless keeps nginx from counting a server line's failures.
func (p *planner) blameless(s *Node) {
	const why = "the line leads to every copy, so it must not be taken out of use for the failures of one"
	given := false
	for i, arg := range s.Args() {
		if strings.HasPrefix(arg, "max_fails=") {
			given = true
			p.pending.replaceWholeArg(s, i, "max_fails=0", why)
		}
	}
	if !given {
		p.pending.insertArg(s, 0, "max_fails=0", why)
	}
}

func weight(s *Node) int {
	for _, arg := range s.Args() {
		if w, ok := strings.CutPrefix(arg, "weight="); ok {
			n, _ := strconv.Atoi(w) // nginx takes nothing else
			return n
		}
	}
	return 1
}

// spares notes the server lines that stay beside the app's.
func (p *planner) spares(up *Node) {
	for _, s := range up.All("server") {
		switch {
		case !spare(s) || p.isOurs(s):
		case slices.Contains(s.Args(), "down"):
			p.note(s.Pos(), "%s is marked down in upstream %s and stays as it is", s.Arg(0), up.Arg(0))
		default:
			p.note(s.Pos(), "%s stays the backup of upstream %s; while the app is down requests wait in its socket first", s.Arg(0), up.Arg(0))
		}
	}
}

func (p *planner) lose(code string, pos Pos, format string, args ...any) {
	n := Note{Pos: pos, Code: code, Text: refuse(pos, "", format, args...).Reason}
	if !slices.Contains(p.losses, n) {
		p.losses = append(p.losses, n)
	}
}
