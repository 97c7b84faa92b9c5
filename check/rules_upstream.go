package check

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"edgeman/deployer/nginx"
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

var ruleSocketPerm = Rule{
	Code: "socket-perm", Title: "nginx may not connect to a socket", Worst: Critical, Needs: []need{needConfig, needProcess}, Twice: true,
	After: []string{"nginx-not-running"},
	What:  "The user that nginx's workers run as cannot reach the socket or write to it.",
	Why:   "Every request gets 502, with \"Permission denied\" in the error log.",
	Fix:   "Give the socket nginx's group and mode 0660, and make every directory above it searchable (the x bit).",
	look:  socketPerm,
}

func socketPerm(h *host, report func(Finding)) {
	seen := map[string]bool{}
	if !h.nginx.Running || h.env.CanConnect == nil {
		return
	}
	for _, u := range h.upstreams {
		for _, p := range u.peers {
			if p.unix == "" || seen[p.unix] {
				continue
			}
			seen[p.unix] = true
			if _, err := h.env.FS.Stat(p.unix); errors.Is(err, fs.ErrNotExist) {
				continue // upstream-dead says so
			}
			if denied := h.denied(p.unix); denied != nil {
				report(Finding{
					Severity: Critical, Subject: Subject{"file", p.unix}, Sites: u.sites, At: []Position{p.pos},
					Message: denied.Error(), Hint: denied.Hint(),
				})
			}
		}
	}
}

// denied is why nginx's workers may not connect to the socket; nil if they may,
// or if that cannot be told. After a reload the workers that were found have
// ended: the present ones are asked.
func (h *host) denied(socket string) *nginx.AccessError {
	err := h.env.CanConnect(h.nginx, socket)
	if errors.Is(err, os.ErrProcessDone) {
		if facts, asked := h.env.Nginx.Facts(h.ctx); asked == nil {
			h.nginx = facts
			err = h.env.CanConnect(facts, socket)
		}
	}
	var denied *nginx.AccessError
	switch {
	case err == nil, errors.As(err, &denied), h.refusedToUser(err):
	case errors.Is(err, os.ErrProcessDone):
		h.blindTo("file", socket, err.Error(), "run it again when nginx has finished its reload")
	default:
		h.blindTo("file", socket, err.Error(), "")
	}
	return denied
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

var ruleDrainLong = Rule{
	Code: "drain-long", Title: "kept-alive connections outlive the drain", Worst: Warning, Needs: []need{needConfig, needApps},
	What: "nginx may keep one connection to an adopted app open for longer than the app's drain timeout, because `keepalive_time` is an hour by default.",
	Why:  "A swap then waits for its whole drain timeout and cuts what is left.",
	Fix:  "`keepalive_time 5s;` in the upstream (nginx 1.19.10 or newer). An older nginx only has `keepalive_timeout 4s;`, which closes idle connections.",
	look: drainLong,
}

func drainLong(h *host, report func(Finding)) {
	for _, u := range h.upstreams {
		a := h.appOf(u)
		if a == nil || !h.keeps(u) {
			continue
		}
		longest, at := time.Hour, u.pos
		if d := u.block.Last("keepalive_time"); d != nil {
			longest, at = nginxTime(d.Arg(0)), position(d)
		}
		if longest <= a.Drain {
			continue
		}
		report(Finding{
			Severity: Warning, Subject: Subject{"app", a.Name}, Sites: h.appSites(a), At: []Position{at},
			Message: fmt.Sprintf("nginx keeps a busy connection to %s open for up to %s, but a drain ends after %s", a.Name, days(longest), days(a.Drain)),
			Hint:    h.endsSooner(),
		})
	}
}

// endsSooner is what makes nginx end its connections to an app in time. An nginx
// that does not know keepalive_time can only be told to end those at rest.
func (h *host) endsSooner() string {
	if h.version != (version{}) && h.version.Before(version{1, 19, 10}) {
		return "keepalive_timeout 4s; in the upstream (keepalive_time needs nginx 1.19.10)"
	}
	return "keepalive_time 5s; in the upstream"
}
