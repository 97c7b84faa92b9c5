package check

import (
	"fmt"
	"time"
)

var ruleBackupMissing = Rule{
	Code: "backup-missing", Title: "the way back from adopt is incomplete", Worst: Warning, Needs: []need{needApps},
	What: "The original bytes of an edited file, or the settings of the adopted container, cannot be read from /var/lib/edgeman.",
	Why:  "`edgeman unadopt` could not restore everything.",
	Fix:  "Restore /var/lib/edgeman/apps/APP/site from your own backup.",
	look: backupMissing,
}

func backupMissing(h *host, report func(Finding)) {
	for _, a := range h.apps {
		if a.Missing != "" {
			report(h.appFinding(&a, Warning, Subject{"app", a.Name},
				fmt.Sprintf("%s could not be restored to what it was before adopt: %s", a.Name, a.Missing),
				"restore the app's site directory below /var/lib/edgeman/apps from your backup"))
		}
	}
}

// stuckAfter is longer than any command takes with its default deadlines.
const stuckAfter = time.Hour

var ruleDeployStuck = Rule{
	Code: "deploy-stuck", Title: "a command was interrupted", Worst: Warning, Needs: []need{needApps}, Twice: true,
	What: "A command was interrupted and nothing has completed or undone it since, a command has held an app's lock for more than an hour, or requests are held back past their deadline.",
	Why:  "Traffic flows, but a container, a socket or a pending release may be left over, and the next command may have to wait.",
	Fix:  "`edgeman repair APP`",
	look: deployStuck,
}

func deployStuck(h *host, report func(Finding)) {
	for _, a := range h.apps {
		why := ""
		switch {
		case a.Interrupted != "":
			why = "was interrupted: " + a.Interrupted
		case a.Busy != "" && h.now.Sub(a.BusySince) > stuckAfter:
			why = fmt.Sprintf("has been locked by %s for %s", a.Busy, days(h.now.Sub(a.BusySince)))
		default:
			why = h.stuckSlot(a)
		}
		if why != "" {
			report(h.appFinding(&a, Warning, Subject{"app", a.Name}, a.Name+" "+clean(why), "edgeman repair "+a.Name))
		}
	}
}

func (h *host) stuckSlot(a app) string {
	for _, s := range a.Slots {
		if !s.PauseUntil.IsZero() && h.now.Sub(s.PauseUntil) > time.Minute {
			return fmt.Sprintf("is still holding requests back in %s, %s past the deadline", s.Name, days(h.now.Sub(s.PauseUntil)))
		}
		if s.NextPending && a.Busy == "" {
			return "has a release waiting for " + s.Name + " that no command is working on"
		}
	}
	return ""
}
