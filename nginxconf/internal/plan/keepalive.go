package plan

import (
	"strings"

	"edgeman/nginxconf/internal/config"
)

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
