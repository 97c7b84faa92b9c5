package adopt

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"edgeman/deployer/adoption"
	"edgeman/deployer/docker"
	"edgeman/deployer/docker/adoptable"
	"edgeman/deployer/hint"
	"edgeman/deployer/nginx"
	"edgeman/deployer/outcome"
	"edgeman/deployer/poll"
	"edgeman/deployer/words"
	"edgeman/nginxconf"
)

// candidate is what will become an app: one target of a site, or several with a
// copy of one container behind each.
type candidate struct {
	name       string
	targets    []nginxconf.Target
	finder     *finder
	plan       *nginxconf.Plan
	containers []docker.Container // one for each target
	dialled    [][]netip.AddrPort // for each target the addresses that lead to its container
	port       uint16
	adoption   adoptable.Adoption
	via        string
	image      string
	health     string   // how the app is asked whether it is ready, as in the app file
	headers    []string // and with what headers
	warnings   []string
}

// addresses are the targets' as nginx's files spell them.
func (c candidate) addresses() string {
	var list []string
	for _, t := range c.targets {
		list = append(list, t.Addresses(false)...)
	}
	return strings.Join(list, ", ")
}

// left is a target of the site that stays as it is, and why.
type left struct {
	Target string `json:"target"`
	Reason string `json:"reason"`
}

// planAdopt reads nginx's whole configuration and the containers behind the
// site, and decides what would be done. It changes nothing. A site of which
// nothing can be taken is refused.
func (h *Host) planAdopt(ctx context.Context, o Options) ([]candidate, []left, error) {
	site, conf, facts, err := h.readSite(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	at, err := h.findPlaces(ctx, o, conf)
	if err != nil {
		return nil, nil, err
	}
	conf.Locate(at.where(ctx))
	targets, err := conf.Targets(site)
	if err != nil {
		return nil, nil, &outcome.RefusedError{Err: err}
	}
	var (
		take   []candidate
		leave  []left
		refuse []error
	)
	for _, group := range conf.Together(targets) {
		c, err := h.planTogether(ctx, o, conf, facts, at, group)
		if err == nil {
			take = append(take, c)
			continue
		}
		for _, t := range group {
			leave = append(leave, left{t.Address, words.FirstLine(err.Error())})
		}
		if !errors.Is(err, errNotAsked) {
			refuse = append(refuse, err)
		}
	}
	take, more, err := at.portsOfOne(ctx, o, conf, take)
	if err != nil {
		refuse = append(refuse, err)
		leave = append(leave, more...)
	}
	if len(take) == 0 {
		return nil, leave, refuseSite(o, site, refuse)
	}
	if err := h.nameCandidates(o, site, take); err != nil {
		return take, leave, err
	}
	return take, leave, h.planAll(ctx, o, take)
}

// readSite loads what adopt judges by, and refuses a host whose configuration
// is broken or has edits on disk that are not live yet.
func (h *Host) readSite(ctx context.Context, o Options) (string, *nginxconf.Config, nginx.Facts, error) {
	facts, err := h.Nginx.Facts(ctx)
	if err != nil {
		return "", nil, facts, err
	}
	if !facts.Running {
		return "", nil, facts, hint.With(outcome.Refuse("nginx is not running"), "systemctl start nginx")
	}
	if _, err := h.Nginx.Precheck(ctx); err != nil {
		return "", nil, facts, &outcome.RefusedError{Err: err}
	}
	conf, err := nginxconf.Load(h.Files, facts.Main)
	if err != nil {
		return "", nil, facts, &outcome.RefusedError{Err: err}
	}
	if err := h.refusePending(ctx, o, conf); err != nil {
		return "", nil, facts, err
	}
	return o.Site, conf, facts, nil
}

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

// planEdits plans the edits of one candidate on the configuration as it is now:
// an earlier candidate of the same run may have changed the same file.
func (h *Host) planEdits(ctx context.Context, o Options, c *candidate) error {
	facts, err := h.Nginx.Facts(ctx)
	if err != nil {
		return err
	}
	conf, err := nginxconf.Load(h.Files, facts.Main)
	if err != nil {
		return &outcome.RefusedError{Err: err}
	}
	version, err := nginxconf.ParseVersion(facts.Version)
	if err != nil {
		return err
	}
	conf.Locate(c.finder.where(ctx))
	targets, err := conf.Targets(o.Site)
	if err != nil {
		return &outcome.RefusedError{Err: err}
	}
	for _, group := range conf.Together(targets) {
		if !slices.EqualFunc(group, c.targets, func(a, b nginxconf.Target) bool { return a.Address == b.Address }) {
			continue
		}
		c.plan, err = conf.Plan(nginxconf.Options{
			Socket: h.Paths.Live(c.name), App: c.name, NginxVersion: version, Everywhere: o.Everywhere,
		}, group...)
		if err != nil {
			return &outcome.RefusedError{Err: err}
		}
		return errors.Join(refuseStays(o, c.plan), refuseLosses(o, c.plan), refuseFiles(c.plan))
	}
	return outcome.Refuse("%s no longer sends requests to %s", o.Site, c.addresses())
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
