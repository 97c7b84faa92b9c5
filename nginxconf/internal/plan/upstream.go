package plan

import (
	"slices"
	"strconv"
	"strings"

	"edgeman/nginxconf/internal/config"
	"edgeman/nginxconf/internal/route"
)

// plainUpstream lists the directives of an upstream block that leave the choice
// of servers to the text. Anything else (state files, Lua balancers, sticky
// sessions bound to an address, foreign modules) is refused.
var plainUpstream = []string{
	"server", "zone", "keepalive", "keepalive_requests", "keepalive_time", "keepalive_timeout",
	"least_conn", "ip_hash", "hash", "random", "least_time", "queue", "ntlm", "resolver", "resolver_timeout",
}

// plainServer lists the parameters of a server line that mean the same for a
// Unix socket.
var plainServer = []string{"weight", "max_fails", "fail_timeout", "max_conns", "slow_start", "backup", "down"}

// server edits one server line of an upstream.
func (p *planner) server(r route.Route) error {
	if err := p.checkUpstream(r.Upstream); err != nil {
		return err
	}
	if err := checkServerLine(r.Server); err != nil {
		return err
	}
	p.onePeer(r, r.Server)
	p.pending.ReplaceWholeArg(r.Server, 0, "unix:"+p.o.Socket, "the address becomes the app's socket")
	if first := !p.seen[r.Upstream]; first {
		p.seen[r.Upstream] = true
		p.copies(r.Upstream)
		p.spares(r.Upstream)
		if config.Side(r.Upstream) == "http" {
			p.keepalive(r.Upstream)
		}
	}
	return nil
}

// onePeer notes that localhost was more than one address.
func (p *planner) onePeer(r route.Route, at *config.Node) {
	if strings.EqualFold(r.Addr.Host, "localhost") {
		p.note(at.Pos(), "localhost can be two addresses, tried in turn; the socket is one")
	}
}

func (p *planner) checkUpstream(up *config.Node) error {
	if p.c.Included(up.Directive().File.Path) > 1 {
		return config.Refuse(up.Pos(), "", "upstream %s is included more than once", up.Arg(0))
	}
	for _, d := range up.Children() {
		if !slices.Contains(plainUpstream, d.Name()) {
			return config.Refuse(d.Pos(), "remove the directive, or point the app's clients at its port by hand",
				"%q in upstream %s decides by itself where requests go", d.Name(), up.Arg(0))
		}
	}
	return p.checkServers(up)
}

// checkServers refuses an upstream in which other servers share the work.
func (p *planner) checkServers(up *config.Node) error {
	ours, all := 0, up.All("server")
	isMain := func(s *config.Node) bool { return p.isOurs(s) && !route.Spare(s) }
	for _, s := range all {
		if p.isOurs(s) && route.Spare(s) && !p.o.Partial && !slices.ContainsFunc(all, isMain) {
			return config.Refuse(s.Pos(), "to have it swapped, too, give it an upstream and a site of its own", "the backup of upstream %s is not taken over", up.Arg(0))
		}
	}
	for _, s := range all {
		switch {
		case p.isOurs(s):
			ours++
		case route.Spare(s), p.o.Partial:
		default:
			return config.Refuse(s.Pos(), "adopt the servers of one app together, or allow the others to stay",
				"upstream %s has another server, %s", up.Arg(0), s.Arg(0))
		}
	}
	if hash := up.Last("hash"); hash != nil && hash.Arg(1) == "consistent" && len(all) > ours {
		p.note(hash.Pos(), "a consistent hash depends on the addresses: keys move to other servers once")
	}
	return nil
}

func checkServerLine(s *config.Node) error {
	for _, arg := range s.Args()[1:] {
		name, _, _ := strings.Cut(arg, "=")
		if !slices.Contains(plainServer, name) {
			return config.Refuse(s.Pos(), "", "%q on a server line does not go with a Unix socket", arg)
		}
	}
	return nil
}

// keepalive lets idle connections end before the app would end them, so that a
// slot drains in seconds and nginx closes first. What the operator set stays.
func (p *planner) keepalive(up *config.Node) {
	line := up.Last("keepalive")
	v := p.o.NginxVersion
	if line == nil && !v.AtLeast(keepaliveDefaultSince) || line != nil && line.Arg(0) == "0" {
		return
	}
	if !v.AtLeast(keepaliveTimeSince) {
		p.note(up.Pos(), "upstream %s keeps connections alive and nginx %s cannot limit how long: a busy one ends after keepalive_requests, draining may take until then", up.Arg(0), v)
	}
	var lines []string
	for _, want := range []struct {
		name, value string
		since       config.Version
	}{{"keepalive_time", "5s", keepaliveTimeSince}, {"keepalive_timeout", "4s", keepaliveTimeoutSince}} {
		switch set := up.Last(want.name); {
		case set != nil:
			p.note(set.Pos(), "%s stays as set: draining waits for it", set)
		case v.AtLeast(want.since):
			lines = append(lines, want.name+" "+want.value+";")
		}
	}
	if len(lines) == 0 {
		return
	}
	if line == nil {
		line = up.Last("server")
	}
	p.insertLast(up, line, "idle connections end before the app ends them", strings.Join(lines, " "))
}

// Versions at which nginx changed what an edit needs.
var (
	keepaliveTimeSince    = config.Version{1, 19, 10} // keepalive_time in upstream
	keepaliveTimeoutSince = config.Version{1, 15, 3}  // keepalive_timeout in upstream
	keepaliveDefaultSince = config.Version{1, 29, 7}  // named upstreams keep connections alive, "keepalive 0" is accepted
	hostRuleSince         = config.Version{1, 31, 4}  // a Host that is set is HTTP/2's :authority, an empty one means the default
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
