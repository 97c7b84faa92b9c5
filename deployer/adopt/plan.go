package adopt

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"

	"edgeman/deployer/docker"
	"edgeman/deployer/hint"
	"edgeman/deployer/nginx"
	"edgeman/deployer/outcome"
	"edgeman/deployer/site"
	"edgeman/deployer/words"
	"edgeman/nginxconf"
)

// left is a target of the site that stays as it is, and why.
type left struct {
	Target string `json:"target"`
	Reason string `json:"reason"`
}

// planAdopt reads nginx's whole configuration and the containers behind the
// site, and decides what would be done. It changes nothing. A site of which
// nothing can be taken is refused.
func (h *Host) planAdopt(ctx context.Context, o Options) ([]candidate, []left, error) {
	sites, conf, facts, err := h.readSite(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	at, err := h.findPlaces(ctx, o, conf)
	if err != nil {
		return nil, nil, err
	}
	conf.Locate(at.where(ctx))
	targets, err := conf.Targets(sites...)
	if err != nil {
		return nil, nil, &outcome.RefusedError{Err: err}
	}
	var (
		take   []candidate
		leave  []left
		refuse []error
	)
	var found []candidate
	for _, group := range conf.Together(targets) {
		c, err := h.findContainers(ctx, o, at, group)
		if err == nil {
			found = append(found, c)
			continue
		}
		leave = append(leave, leaveAll(group, err)...)
		if !errors.Is(err, errNotAsked) {
			refuse = append(refuse, err)
		}
	}
	for _, c := range joinWays(found) {
		err := h.judge(ctx, o, conf, facts, &c)
		if err == nil {
			take = append(take, c)
			continue
		}
		leave = append(leave, leaveAll(c.targets(), err)...)
		refuse = append(refuse, err)
	}
	if len(take) == 0 {
		return nil, leave, refuseSite(o, sites[0], refuse)
	}
	if err := h.nameCandidates(o, sites, take); err != nil {
		return take, leave, err
	}
	return take, leave, h.planAll(ctx, o, take)
}

// leaveAll are targets that stay for one reason.
func leaveAll(targets []nginxconf.Target, err error) (all []left) {
	for _, t := range targets {
		all = append(all, left{t.Address, words.FirstLine(err.Error())})
	}
	return all
}

// readSite loads what adopt judges by, and refuses a host whose configuration
// is broken or has edits on disk that are not live yet.
func (h *Host) readSite(ctx context.Context, o Options) ([]string, *nginxconf.Config, nginx.Facts, error) {
	facts, err := h.Nginx.Facts(ctx)
	if err != nil {
		return nil, nil, facts, err
	}
	if !facts.Running {
		return nil, nil, facts, hint.With(outcome.Refuse("nginx is not running"), "systemctl start nginx")
	}
	if _, err := h.Nginx.Precheck(ctx); err != nil {
		return nil, nil, facts, &outcome.RefusedError{Err: err}
	}
	conf, err := nginxconf.Load(h.Files, facts.Main)
	if err != nil {
		return nil, nil, facts, &outcome.RefusedError{Err: err}
	}
	if err := h.refusePending(ctx, o, conf); err != nil {
		return nil, nil, facts, err
	}
	return o.Sites, conf, facts, nil
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
	targets, err := conf.Targets(o.Sites...)
	if err != nil {
		return &outcome.RefusedError{Err: err}
	}
	var app []nginxconf.Target
	for _, w := range c.ways {
		for _, t := range w.targets {
			i := slices.IndexFunc(targets, func(now nginxconf.Target) bool { return now.Address == t.Address })
			if i < 0 {
				return outcome.Refuse("%s no longer sends requests to %s", strings.Join(o.Sites, ", "), t.Address)
			}
			targets[i].Socket = h.Paths.LiveSocket(c.name, w.listener().Name)
			app = append(app, targets[i])
		}
	}
	c.plan, err = conf.Plan(nginxconf.Options{App: c.name, NginxVersion: version, Everywhere: o.Everywhere}, app...)
	if err != nil {
		return &outcome.RefusedError{Err: err}
	}
	return errors.Join(refuseStays(o, c.plan), refuseLosses(o, c.plan), refuseFiles(c.plan))
}

// planAll plans the edits of all candidates, each on what those before it leave.
func (h *Host) planAll(ctx context.Context, o Options, take []candidate) error {
	files := site.EditedFiles{FS: h.Files, After: map[string][]byte{}}
	then, at := *h, *h.Host
	at.Files, then.Host = files, &at
	for i := range take {
		if err := then.planEdits(ctx, o, &take[i]); err != nil {
			return err
		}
		for _, f := range take[i].plan.Files {
			files.After[f.Path] = f.After
		}
	}
	return nil
}

// agreed refuses what is not what was shown: other apps, other containers, other
// edits.
func agreed(o Options, shown, now []candidate) error {
	id := func(a, b docker.Container) bool { return a.ID == b.ID }
	same := func(a, b candidate) bool {
		return a.name == b.name && a.addresses() == b.addresses() && slices.EqualFunc(a.containers, b.containers, id) && reflect.DeepEqual(a.plan.Files, b.plan.Files)
	}
	if slices.EqualFunc(shown, now, same) {
		return nil
	}
	return hint.With(outcome.Refuse("nginx's files or the containers behind %s have changed since the plan was shown, so the plan no longer holds", strings.Join(o.Sites, ", ")),
		"edgeman adopt %s shows the new one", strings.Join(o.Sites, " "))
}
