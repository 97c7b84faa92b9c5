package check

import (
	"bytes"
	"cmp"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"edgeman/deployer/adoption"
	"edgeman/nginxconf"
)

// app is an adopted app, as edgeman's records on disk describe it.
type app struct {
	Name     string
	Sites    []string // the site files that adopt edited
	Live     string   // path of the live pointer, which nginx's upstreams lead through
	LiveSlot string   // the slot it leads to; "" if there is none
	Strategy string
	Drain    time.Duration
	Slots    []slot

	// Interrupted is the step of a command that ended half-way, or "".
	Interrupted string
	// Busy is the command that holds the app's lock, since BusySince.
	Busy      string
	BusySince time.Time

	// Adopting tells that one of the two is adopt.
	Adopting bool

	// Originals are the containers that it was adopted from, of that image.
	Originals                      []adoption.Original
	OriginalImage, OriginalImageID string

	// Edits are the files as adopt left them; Missing says what of the way back
	// to the original is not there.
	Edits   []nginxconf.FileEdit
	Missing string
}

// slot is one of the two places in which a release of an app can run.
type slot struct {
	Name                string // myapp:blue
	Filled              bool
	SocketUnit, Service string
	SocketDir           string
	Release             int
	Image, ImageID      string
	Containers          []string // the names that its containers must have
	Phase               string   // what its service said last, "" if nothing in this boot
	Message             string
	Silent              string    // why nothing comes back from it, as its service found out
	Since               time.Time // of the phase
	Exits               int       // times its container ended by itself
	PauseUntil          time.Time // zero: not paused
	NextPending         bool      // a recreate wants another release in it
}

// live is the slot that nginx is led to, or nil.
func (a *app) live() *slot {
	i := slices.IndexFunc(a.Slots, func(s slot) bool { return s.Name == a.LiveSlot })
	if i < 0 {
		return nil
	}
	return &a.Slots[i]
}

// appSites are the names that a person may ask for the app by: its own, its site
// files, and the servers that lead to it.
func (h *host) appSites(a *app) []string {
	out := append([]string{a.Name}, a.Sites...)
	for _, u := range h.upstreams {
		if h.appOf(u) != nil && h.appOf(u).Name == a.Name {
			out = append(out, u.sites...)
		}
	}
	return out
}

// leads reports whether nginx's configuration names the app's live pointer
// anywhere. When it cannot be read, nobody knows that it does not.
func (h *host) leads(a *app) bool {
	if h.root == nil {
		return true
	}
	found := false
	walk(h.root, func(n *node) {
		found = found || slices.ContainsFunc(n.Args(), func(arg string) bool { return strings.Contains(arg, a.Live) })
	})
	return found
}

// adopting reports whether an adoption is under way, or was interrupted, before
// it came to nginx: the original serves, and nobody depends on the slots yet.
func (h *host) adopting(a *app) bool { return a.Adopting && !h.leads(a) }

// asAdopted reports whether the file is as one of the adoptions left it: a later
// one builds on those before it.
func (h *host) asAdopted(path string, now []byte) bool {
	return slices.ContainsFunc(h.apps, func(a app) bool {
		return slices.ContainsFunc(a.Edits, func(edit nginxconf.FileEdit) bool { return edit.Path == path && bytes.Equal(now, edit.After) })
	})
}

func (h *host) appFinding(a *app, s Severity, subject Subject, message, hint string) Finding {
	return Finding{Severity: s, Subject: subject, Sites: h.appSites(a), Message: message, Hint: hint}
}

// appOf is the adopted app behind the upstream, or nil.
func (h *host) appOf(u *upstream) *app {
	for i, a := range h.apps {
		if slices.ContainsFunc(u.peers, func(p peer) bool { return filepath.Dir(p.unix) == a.Live }) {
			return &h.apps[i]
		}
	}
	return nil
}

// isLive reports whether the address is behind an adopted app's live pointer.
func (h *host) isLive(p peer) bool {
	return slices.ContainsFunc(h.apps, func(a app) bool { return filepath.Dir(p.unix) == a.Live })
}

// socketDown says why no socket listens for the app, or "" if one does or
// systemd cannot be asked.
func (h *host) socketDown(a *app) string {
	s := a.live()
	if h.adopting(a) {
		return ""
	}
	if s == nil || !s.Filled {
		return "its live pointer leads to no slot that is filled"
	}
	if u, ok := h.unit(s.SocketUnit); ok && u.Active != "active" {
		return s.SocketUnit + " is " + cmp.Or(u.Active, "not there")
	}
	return ""
}

// withDocker is the hint, unless Docker does not answer: then nothing else
// helps.
func (h *host) withDocker(hint string) string {
	if h.env.Docker != nil && !h.has[needDocker] {
		return dockerHint
	}
	return hint
}
