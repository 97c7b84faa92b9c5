package check

import (
	"fmt"
	"slices"
	"time"
)

// failing are the phases in which a service has no app to pass requests to, and
// is not meant to have none.
var failing = []string{"waiting", "failed", "empty"}

// longStart is more than any app needs that will still become healthy.
const longStart = 5 * time.Minute

var ruleAppDown = Rule{
	Code: "app-down", Title: "an app is not running", Worst: Critical, Needs: []need{needApps, needUnits}, Twice: true,
	After: []string{"socket-inactive"},
	What:  "The service of the live slot is not active, says that its container is gone or was given up, has waited five minutes for it to become healthy, or reports that the app does not answer.",
	Why:   "Requests wait in the socket, and fail when nginx or the visitor loses patience.",
	Fix:   "`edgeman status APP`, `edgeman logs APP`; `edgeman rollback APP` goes back to what worked. When Docker itself is down: `systemctl status docker`.",
	look:  appDown,
}

func appDown(h *host, report func(Finding)) {
	for _, a := range h.apps {
		s := a.live()
		if s == nil || a.Busy != "" || h.adopting(&a) {
			continue
		}
		u, ok := h.unit(s.Service)
		why := ""
		switch {
		case ok && (u.Active == "failed" || u.Active == "inactive"):
			why = fmt.Sprintf("%s is %s (%s)", s.Service, u.Active, u.Result)
		case slices.Contains(failing, s.Phase), s.Phase == "starting" && h.now.Sub(s.Since) > longStart:
			why = fmt.Sprintf("%s is %s for %s: %s", s.Name, s.Phase, days(h.now.Sub(s.Since)), s.Message)
		case s.Phase == "healthy" && s.Silent != "":
			report(h.appFinding(&a, Critical, Subject{"app", a.Name}, a.Name+" does not answer: "+clean(s.Silent), h.withDocker("edgeman logs "+a.Name+"; edgeman restart "+a.Name)))
			continue
		default:
			continue
		}
		report(h.appFinding(&a, Critical, Subject{"app", a.Name}, a.Name+" is not running: "+why, h.withDocker("edgeman logs "+a.Name+"; edgeman rollback "+a.Name)))
	}
}

var ruleAppRestarting = Rule{
	Code: "app-restarting", Title: "an app keeps exiting", Worst: Warning, Needs: []need{needApps},
	After: []string{"app-down"},
	What:  "The live slot's container has exited three times or more and was started again each time, most recently within the hour.",
	Why:   "The requests it was handling failed each time, and one day it may not come back.",
	Fix:   "`edgeman logs APP` has its last words; `edgeman rollback APP`.",
	look:  appRestarting,
}

func appRestarting(h *host, report func(Finding)) {
	for _, a := range h.apps {
		s := a.live()
		if s == nil || s.Exits < 3 || h.now.Sub(s.Since) > time.Hour {
			continue
		}
		report(h.appFinding(&a, Warning, Subject{"app", a.Name},
			fmt.Sprintf("the container of %s has exited %d times", a.Name, s.Exits), h.withDocker("edgeman logs "+a.Name)))
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
