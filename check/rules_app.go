package check

import (
	"fmt"
	"slices"
	"strings"
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

var ruleSocketInactive = Rule{
	Code: "socket-inactive", Title: "the live slot's socket does not listen", Worst: Critical, Needs: []need{needApps, needUnits}, Twice: true,
	What: "The socket unit of the live slot is not active, or there is no live slot at all.",
	Why:  "Visitors get 502.",
	Fix:  "`edgeman repair APP`",
	look: socketInactive,
}

func socketInactive(h *host, report func(Finding)) {
	for _, a := range h.apps {
		if why := h.socketDown(&a); why != "" {
			report(h.appFinding(&a, Critical, Subject{"app", a.Name}, "nobody listens for "+a.Name+": "+why, "edgeman repair "+a.Name))
		}
	}
}

var ruleSocketDisabled = Rule{
	Code: "socket-disabled", Title: "the live slot will not come back after a reboot", Worst: Warning, Needs: []need{needApps, needUnits},
	What: "The socket or service unit of the live slot is not enabled.",
	Why:  "The site works until the next reboot.",
	Fix:  "`edgeman repair APP`",
	look: socketDisabled,
}

func socketDisabled(h *host, report func(Finding)) {
	for _, a := range h.apps {
		s := a.live()
		if s == nil || a.Busy != "" || h.adopting(&a) {
			continue
		}
		for _, name := range []string{s.SocketUnit, s.Service} {
			if u, ok := h.unit(name); ok && u.Load == "loaded" && !strings.HasPrefix(u.FileState, "enabled") {
				report(h.appFinding(&a, Warning, Subject{"unit", name}, name+" is not enabled: "+a.Name+" will not come back after a reboot", "edgeman repair "+a.Name))
			}
		}
	}
}

var ruleUnitDrift = Rule{
	Code: "unit-drift", Title: "unit files are gone, or changed but not reloaded", Worst: Warning, Needs: []need{needApps, needUnits},
	What: "A unit file of edgeman or nginx was changed but systemd still uses the old version, or the unit files of a slot in use were removed.",
	Why:  "The next start will behave differently, or fail.",
	Fix:  "`systemctl daemon-reload`; `edgeman install` puts edgeman's files back.",
	look: unitDrift,
}

func unitDrift(h *host, report func(Finding)) {
	const web = "nginx.service"
	names := []string{web}
	for _, a := range h.apps {
		for _, s := range a.Slots {
			if s.Filled {
				names = append(names, s.SocketUnit, s.Service)
			}
		}
	}
	for _, n := range names {
		f := Finding{Severity: Warning, Subject: Subject{"unit", n}}
		switch u, ok := h.unit(n); {
		case !ok:
			continue
		case n != web && u.Load == "not-found" && u.Active == "active":
			f.Message, f.Hint = n+" runs, but its unit file is gone: no swap and no reboot will start it again", "edgeman install"
		case u.Reload:
			f.Message, f.Hint = "systemd has not read the changed unit file of "+n, "systemctl daemon-reload"
		default:
			continue
		}
		report(f)
	}
}
