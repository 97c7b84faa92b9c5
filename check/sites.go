package check

import (
	"slices"
	"strings"
)

// concerns reports whether the finding belongs to one of the sites asked for.
// What could not be seen is always said.
func (h *host) concerns(f Finding) bool {
	if len(h.opt.Sites) == 0 || f.Severity == Unknown {
		return true
	}
	for _, s := range h.requested() {
		if s == f.Subject.Name || slices.ContainsFunc(f.Sites, func(n string) bool { return strings.EqualFold(n, s) }) {
			return true
		}
		for _, p := range f.At {
			if p.File == s || h.resolved(p.File) == h.resolved(s) {
				return true
			}
		}
	}
	return false
}

// requested are the sites asked for; an app stands for its servers, too.
func (h *host) requested() []string {
	out := slices.Clone(h.opt.Sites)
	for i, a := range h.apps {
		if slices.Contains(h.opt.Sites, a.Name) {
			out = append(out, h.appSites(&h.apps[i])...)
		}
	}
	return out
}

// unknownSites lists the sites asked for that the configuration, the apps and
// the files know nothing of: a typing mistake must not pass for health.
func (h *host) unknownSites() []string {
	known := map[string]bool{}
	for _, s := range h.servers {
		for _, n := range s.names {
			known[strings.ToLower(n)] = true
		}
		known[h.resolved(s.pos().File)] = true
	}
	for _, a := range h.apps {
		known[a.Name] = true
	}
	for _, name := range h.unread {
		known[name] = true
	}
	var out []string
	for _, s := range h.opt.Sites {
		if !known[strings.ToLower(s)] && !known[h.resolved(s)] {
			out = append(out, s)
		}
	}
	return out
}
