package check

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/diff"

	"edgeman/nginxconf"
)

var ruleConfDrift = Rule{
	Code: "conf-drift", Title: "an adopted site file has been changed", Worst: Critical, Needs: []need{needApps},
	What: "A file that adopt edited has been changed since. It is a notice while edgeman's own lines are intact, a warning when they were changed or removed or the file is missing, and critical when nothing in nginx's configuration names the app's live.sock any more. The evidence has a unified diff.",
	Why:  "`edgeman unadopt` takes back exactly its own edits. It leaves lines that were changed since as they are, and refuses to guess about those that still lead to the app. If nginx no longer uses the app's socket, a swap changes nothing, and visitors get 502 when the site points at the original container, which is stopped.",
	Fix:  "Nothing needs fixing if the change is wanted and the site still leads to the app's live.sock. Otherwise put back the lines that begin with `-` in the diff, then `nginx -t && systemctl reload nginx`. If the edit was taken back on purpose: `edgeman unadopt APP` starts the original container again.",
	look: confDrift,
}

func confDrift(h *host, report func(Finding)) {
	for _, a := range h.apps {
		if h.adopting(&a) {
			continue // its edits are not there yet
		}
		for _, edit := range a.Edits {
			h.drift(&a, edit, report)
		}
	}
}

func (h *host) drift(a *app, edit nginxconf.FileEdit, report func(Finding)) {
	f := Finding{Subject: Subject{"file", edit.Path}, Sites: h.appSites(a), At: []Position{{File: edit.Path}}}
	now, err := h.env.FS.ReadFile(edit.Path)
	if err == nil {
		if h.asAdopted(edit.Path, now) {
			return
		}
		f.Evidence = driftDiff(edit, now)
		if _, lost := edit.Revert(now); lost == nil {
			f.Severity, f.Hint = Notice, "nothing to do if the change is yours"
			f.Message = fmt.Sprintf("%s has been changed since adopt; edgeman's own lines in it are intact", edit.Path)
			report(f)
			return
		}
		f.Message = fmt.Sprintf("%s has been changed since adopt, and edgeman's own edits in it were altered", edit.Path)
	} else {
		f.Message = fmt.Sprintf("%s, which adopt edited for %s, cannot be read: %v", edit.Path, a.Name, plainError(err))
	}
	f.Severity, f.Hint = Warning, "put back the lines that begin with - in the diff below, then: nginx -t && systemctl reload nginx"
	if !h.leads(a) {
		f.Severity = Critical
		f.Message += ": nothing in nginx's configuration leads to " + a.Name
		f.Hint += "; or, to go back to the container before edgeman: edgeman unadopt " + a.Name
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.Evidence = driftDiff(edit, nil)
	case err != nil:
		f.Hint = "ls -l " + edit.Path // there is no diff that could help
	}
	report(f)
}

func driftDiff(edit nginxconf.FileEdit, now []byte) []fact {
	name := strings.TrimPrefix(edit.Path, "/")
	return []fact{{"diff", string(diff.Diff("adopted/"+name, edit.After, "now/"+name, now))}}
}

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
