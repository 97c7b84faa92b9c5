package unadopt

import (
	"cmp"
	"slices"
	"strings"

	"edgeman/deployer/adoption"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/nginxconf"
)

// What was written for an app may rest on what was written for one that was
// adopted before. giving back the last one first is always right; where another
// order is not, it is refused.

// later are the adoptions after a, the last one first.
func (h *Host) later(a adoption.Record) ([]adoption.Record, error) {
	names, err := h.Paths.AppNames()
	if err != nil {
		return nil, err
	}
	var later []adoption.Record
	for _, name := range names {
		if other, err := adoption.Read(h.Paths, name); err == nil && other.Time.After(a.Time) {
			later = append(later, other)
		}
	}
	slices.SortFunc(later, func(x, y adoption.Record) int { return cmp.Or(y.Time.Compare(x.Time), cmp.Compare(x.App, y.App)) })
	return later, nil
}

// refuseOrder finds a request that giving back a would change: an inner location,
// for example, that has headers of its own only because of a.
func (h *Host) refuseOrder(a adoption.Record, main string, then *nginxconf.Config) error {
	now, err := nginxconf.Load(h.Files, main)
	if err != nil {
		return nil // left for nginx to judge
	}
	pass := now.Unlike(then)
	if pass == nil {
		return nil
	}
	later, err := h.later(a)
	if err != nil || len(later) == 0 {
		return err
	}
	return hint.With(outcome.Refuse("%s: %s (%s) would send other headers without what was written for %s", pass.Pos(), pass, pass.Parent().Path(), a.App),
		"%s; --allow-%s accepts it", giveBackFirst(later), adoption.AllowOtherSites)
}

// refuseCovered finds edits of a in a file that now holds current which cannot
// be taken back only because those of later apps lie over them.
func (h *Host) refuseCovered(a adoption.Record, f nginxconf.FileEdit, current []byte, gone int) error {
	later, err := h.later(a)
	if err != nil {
		return err
	}
	for i, l := range later {
		for _, over := range l.Plan.Files {
			if over.Path != f.Path {
				continue
			}
			if then, _, err := over.TakeBack(current); err == nil {
				current = then
			}
		}
		if _, left, err := f.TakeBack(current); err == nil && len(left) < gone {
			return hint.With(outcome.Refuse("%s: what was written for %s has been edited for %s since", f.Path, a.App, l.App), "%s", giveBackFirst(later[:i+1]))
		}
	}
	return nil
}

func giveBackFirst(later []adoption.Record) string {
	var commands []string
	for _, l := range later {
		commands = append(commands, "edgeman unadopt "+l.App)
	}
	return "first give back what was adopted later: " + strings.Join(commands, ", then ")
}
