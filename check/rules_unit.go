package check

import (
	"strings"
)

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
