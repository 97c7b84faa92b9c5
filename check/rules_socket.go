package check

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"edgeman/deployer/nginx"
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
