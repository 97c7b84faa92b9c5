package plan

import (
	"slices"
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
