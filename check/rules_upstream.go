package check

import (
	"fmt"
	"time"
)

var ruleUpstreamDead = Rule{
	Code: "upstream-dead", Title: "nothing answers behind a site", Worst: Critical, Needs: []need{needConfig}, Twice: true,
	What: "An address on this host that nginx proxies to has no listener: a Unix socket that is missing, stale or not a socket, or a loopback port that nothing listens on. It is critical when no address of the upstream is alive, else a warning. No request is sent, and other hosts are not asked.",
	Why:  "nginx -t does not notice, and visitors get 502.",
	Fix:  "Start the app. For an adopted one: `edgeman status`, `edgeman logs APP`.",
	look: upstreamDead,
}

func upstreamDead(h *host, report func(Finding)) {
	for _, u := range h.upstreams {
		if a := h.appOf(u); a != nil && h.socketDown(a) != "" {
			continue // socket-inactive says so, and why
		}
		var dead []string
		var at []Position
		alive, deadLive := 0, false // deadLive: an adopted app's own socket is among the dead
		for _, p := range u.peers {
			why := h.dead(p)
			if why == "" {
				alive++
				continue
			}
			dead = append(dead, p.String()+": "+why)
			at = append(at, p.pos)
			deadLive = deadLive || h.isLive(p)
		}
		if len(dead) == 0 {
			continue
		}
		f := Finding{
			Severity: Critical, Subject: Subject{"upstream", u.name}, Sites: u.sites, At: at,
			Message: "nothing answers behind " + u.name + " (" + few(dead) + ")", Hint: "start the app behind it; nginx answers 502 until then",
		}
		if alive > 0 {
			f.Severity, f.Message = Warning, fmt.Sprintf("%d of %d addresses behind %s %s dead (%s)", len(dead), len(u.peers), u.name, areIs(len(dead)), few(dead))
			f.Hint = "start what is behind it, or remove its server line from the upstream; the others keep answering"
		}
		if a := h.appOf(u); a != nil && deadLive {
			f.Hint = h.withDocker("edgeman status " + a.Name + "; edgeman logs " + a.Name)
		}
		report(f)
	}
}

// appIdle is after how long most app servers close an idle connection: Node,
// uvicorn and Apache after 5 s.
const appIdle = 5 * time.Second

var ruleKeepaliveRace = Rule{
	Code: "keepalive-race", Title: "the app may close an idle connection before nginx does", Worst: Warning, Needs: []need{needConfig},
	What: "nginx keeps idle connections to an app for longer than five seconds (its default is 60). It is a warning for an adopted app, a notice for others.",
	Why:  "Most servers close idle connections after five seconds. When both act at the same moment a POST is lost, because nginx never sends one twice.",
	Fix:  "`keepalive_timeout 4s;` in the upstream.",
	look: keepaliveRace,
}

func keepaliveRace(h *host, report func(Finding)) {
	for _, u := range h.upstreams {
		if !h.keeps(u) {
			continue
		}
		idle, at := 60*time.Second, u.pos
		if d := u.block.Last("keepalive_timeout"); d != nil {
			idle, at = nginxTime(d.Arg(0)), position(d)
		}
		if idle <= appIdle {
			continue
		}
		f := Finding{
			Severity: Notice, Subject: Subject{"upstream", u.name}, Sites: u.sites, At: []Position{at},
			Message: fmt.Sprintf("nginx keeps idle connections to %s for %s; an app that closes them sooner can lose a POST", u.name, days(idle)),
			Hint:    "keepalive_timeout 4s; in the upstream",
		}
		if h.appOf(u) != nil {
			f.Severity = Warning
		}
		report(f)
	}
}
