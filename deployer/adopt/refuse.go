package adopt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"edgeman/deployer/adoption"
	"edgeman/deployer/docker/adoptable"
	"edgeman/deployer/hint"
	"edgeman/deployer/nginx"
	"edgeman/deployer/outcome"
	"edgeman/deployer/poll"
	"edgeman/nginxconf"
)

// reloadSettles is how long a reload that somebody has just asked for may take:
// systemctl returns before nginx has new workers.
const reloadSettles = 2 * time.Second

// refusePending keeps other people's unfinished edits out of our reload.
func (h *Host) refusePending(ctx context.Context, o Options, conf *nginxconf.Config) error {
	var pending []nginx.Pending
	err := poll.Until(ctx, reloadSettles, poll.Often, func() (bool, error) {
		var err error
		pending, err = h.Nginx.PendingEdits(ctx, conf.Watched())
		return len(pending) == 0, err
	})
	if !errors.Is(err, poll.ErrLate) {
		return err
	}
	if o.ReloadPending {
		return nil
	}
	var names []string
	for _, p := range pending {
		names = append(names, p.Path)
	}
	return hint.With(outcome.Refuse("changed since nginx was last loaded: %s; adopting reloads nginx, which would make that live too", strings.Join(names, ", ")),
		"systemctl reload nginx when it is meant to be live, or --reload-pending")
}

// refuseStays keeps adopt from taking the address away from other sites.
func refuseStays(o Options, plan *nginxconf.Plan) error {
	if len(plan.Stays) == 0 || slices.Contains(o.Allow, adoption.AllowOtherSites) {
		return nil
	}
	var lines []string
	what := "--everywhere takes these over, too"
	for _, s := range plan.Stays {
		lines = append(lines, fmt.Sprintf("%s: %s", s.Pos, s.Text))
		if s.Code == nginxconf.SeveralPlaces {
			what = "write the address of the app that is meant"
		}
	}
	return hint.With(outcome.Refuse("%s", strings.Join(lines, "\n")), "%s; --allow-%s accepts that they fail", what, adoption.AllowOtherSites)
}

// refuseLosses keeps adopt from taking without asking what the socket cannot give.
func refuseLosses(o Options, plan *nginxconf.Plan) error {
	var errs []error
	for _, l := range plan.Losses {
		if !slices.Contains(o.Allow, l.Code) {
			errs = append(errs, hint.With(outcome.Refuse("%s: %s", l.Pos, l.Text), "--allow-%s accepts that", l.Code))
		}
	}
	return errors.Join(errs...)
}

// refuseFiles finds what keeps a file from being edited while nothing has begun.
func refuseFiles(plan *nginxconf.Plan) error {
	for _, f := range plan.Files {
		if err := nginx.Replaceable(f.Path); err != nil {
			return &outcome.RefusedError{Err: err}
		}
	}
	return nil
}

// refuseNote passes on what docker says of a container, which it names.
func refuseNote(n adoptable.Note) error {
	if n.Override == "" {
		return hint.With(outcome.Refuse("%s", n.Text), "%s", n.Hint)
	}
	return hint.With(outcome.Refuse("%s", n.Text), "%s accepts that", n.Override)
}

func refuseSite(o Options, path string, reasons []error) error {
	if len(reasons) == 0 && len(o.Only) > 0 {
		return hint.With(outcome.Refuse("%s sends no requests to %s", path, strings.Join(o.Only, " or ")), "leave out --only to see its targets")
	}
	if len(reasons) == 0 {
		return outcome.Refuse("%s sends no requests anywhere: nothing to adopt", path)
	}
	return &outcome.RefusedError{Err: errors.Join(reasons...)}
}
