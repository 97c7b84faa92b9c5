package check

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	dockerlabel "edgeman/deployer/docker/label"
	"edgeman/nginxconf"
)

var ruleConfDrift = Rule{
	Code: "conf-drift", Title: "an adopted site file has been changed", Worst: Critical, Needs: []need{needApps},
	What: "A file that adopt edited has been changed since. It is a notice while edgeman's own lines are intact, a warning when they were changed or removed or the file is missing, and critical when nothing in nginx's configuration leads through the app's live pointer any more. The evidence has a unified diff.",
	Why:  "`edgeman unadopt` takes back exactly its own edits. It leaves lines that were changed since as they are, and refuses to guess about those that still lead to the app. If nginx no longer uses the app's socket, a swap changes nothing, and visitors get 502 when the site points at the original container, which is stopped.",
	Fix:  "Nothing needs fixing if the change is wanted and the site still leads through the app's live pointer. Otherwise put back the lines that begin with `-` in the diff, then `nginx -t && systemctl reload nginx`. If the edit was taken back on purpose: `edgeman unadopt APP` starts the original container again.",
	look: confDrift,
}

func confDrift(h *host, report func(Finding)) {
	for _, a := range h.apps {
		if h.adopting(&a) {
			continue // its edits are not there yet
		}
		for _, edit := range a.Edits {
			h.confDriftOf(&a, edit, report)
		}
	}
}

func (h *host) confDriftOf(a *app, edit nginxconf.FileEdit, report func(Finding)) {
	f := Finding{Subject: Subject{"file", edit.Path}, Sites: h.appSites(a), At: []Position{{File: edit.Path}}}
	now, err := h.env.FS.ReadFile(edit.Path)
	if err == nil {
		if h.asAdopted(edit.Path, now) {
			return
		}
		f.Evidence = confDriftDiff(edit, now)
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
		f.Evidence = confDriftDiff(edit, nil)
	case err != nil:
		f.Hint = "ls -l " + edit.Path // there is no diff that could help
	}
	report(f)
}

func confDriftDiff(edit nginxconf.FileEdit, now []byte) []fact {
	name := strings.TrimPrefix(edit.Path, "/")
	return []fact{{"diff", string(diff.Diff("adopted/"+name, edit.After, "now/"+name, now))}}
}

var ruleUnitDrift = Rule{
	Code: "unit-drift", Title: "unit files are gone, or changed but not reloaded", Worst: Warning, Needs: []need{needApps, needUnits},
	What: "A unit file of edgeman or nginx was changed but systemd still uses the old version, or the unit files of a slot in use were removed, or the drop-in that says where it listens.",
	Why:  "The next start will behave differently, or fail.",
	Fix:  "`systemctl daemon-reload`; `edgeman install` puts edgeman's files back, `edgeman repair APP` those of its slots.",
	look: unitDrift,
}

func unitDrift(h *host, report func(Finding)) {
	const web = "nginx.service"
	names, apps := []string{web}, []string{""}
	for _, a := range h.apps {
		for _, s := range a.Slots {
			if s.Filled {
				names, apps = append(names, s.SocketUnit, s.Service), append(apps, a.Name, a.Name)
			}
		}
	}
	for i, n := range names {
		f := Finding{Severity: Warning, Subject: Subject{"unit", n}}
		switch u, ok := h.unit(n); {
		case !ok:
			continue
		case n != web && u.Load == "not-found" && u.Active == "active":
			f.Message, f.Hint = n+" runs, but its unit file is gone: no swap and no reboot will start it again", "edgeman install"
		case n != web && u.Load == "bad-setting":
			f.Message, f.Hint = n+" does not say where it listens any more: no reboot will start it again", "edgeman repair "+apps[i]
		case u.Reload:
			f.Message, f.Hint = "systemd has not read the changed unit file of "+n, "systemctl daemon-reload"
		default:
			continue
		}
		report(f)
	}
}

var ruleContainerDrift = Rule{
	Code: "container-drift", Title: "a slot does not run what its release says", Worst: Warning, Needs: []need{needDocker, needApps}, Twice: true,
	What: "The live slot's container is missing, was stopped by someone else, or runs another image than the release names; or containers of two releases run in one slot.",
	Why:  "Visitors are not served what history and status say.",
	Fix:  "`edgeman restart APP` runs the release again, as a swap does.",
	look: containerDrift,
}

func containerDrift(h *host, report func(Finding)) {
	for _, a := range h.apps {
		if a.Busy != "" {
			continue
		}
		for _, s := range a.Slots {
			if why := h.slotDrift(a, s); why != "" {
				report(h.appFinding(&a, Warning, Subject{"app", s.Name}, why, "edgeman restart "+a.Name))
			}
		}
	}
}

func (h *host) slotDrift(a app, s slot) string {
	running := map[string]bool{} // by release
	for _, c := range h.containers {
		if c.Labels[dockerlabel.App]+":"+c.Labels[dockerlabel.Slot] == s.Name && c.Running {
			running[c.Labels[dockerlabel.Release]] = true
		}
	}
	switch {
	case len(running) > 1:
		return fmt.Sprintf("containers of %d releases run in %s", len(running), s.Name)
	case !s.Filled || s.Name != a.LiveSlot || s.NextPending || s.Phase == "idle" || s.Phase == "holding":
		return ""
	}
	for _, name := range s.Containers {
		if why := h.containerOf(s, name); why != "" {
			return why
		}
	}
	return ""
}

// containerOf says what is wrong with the container that the slot should run by
// this name.
func (h *host) containerOf(s slot, name string) string {
	at := slices.IndexFunc(h.containers, func(c Container) bool { return c.Name == name })
	if at < 0 {
		return fmt.Sprintf("the container %s of release %d is gone", name, s.Release)
	}
	switch c := h.containers[at]; {
	case !c.Running:
		return fmt.Sprintf("the container %s of release %d has stopped (exit code %d)", name, s.Release, c.ExitCode)
	case s.ImageID != "" && c.ImageID != s.ImageID:
		return fmt.Sprintf("the container %s runs another image than release %d", name, s.Release)
	}
	return ""
}
