package adopt

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"edgeman/deployer/docker"
	"edgeman/deployer/docker/adoptable"
	"edgeman/deployer/docker/definition"
	"edgeman/deployer/hint"
	"edgeman/deployer/images"
	"edgeman/deployer/nginx"
	"edgeman/deployer/outcome"
	"edgeman/nginxconf"
)

// errNotAsked says that a target is none of those that the operator named.
var errNotAsked = errors.New("not asked for")

// planTogether finds the container behind each of the targets that become one
// app, and judges whether they can.
func (h *Host) planTogether(ctx context.Context, o Options, conf *nginxconf.Config, facts nginx.Facts, at *finder, group []nginxconf.Target) (candidate, error) {
	c := candidate{targets: group, finder: at}
	if err := asked(o, group); err != nil {
		return c, err
	}
	if app, ok := h.ownSocket(group[0].Address); ok {
		return c, hint.With(outcome.Refuse("already adopted, as %s", app), "edgeman status %s", app)
	}
	if r := group[0].Refusal; r != nil {
		return c, &outcome.RefusedError{Err: r}
	}
	all, err := h.judgeAll(ctx, o, &c)
	if err != nil {
		return c, err
	}
	c.adoption = all[0]
	if len(all) > 1 {
		if c.adoption, err = joinCopies(c, all); err != nil {
			return c, err
		}
	}
	c.image = c.containers[0].Image
	if o.Image != "" {
		c.image = o.Image
	}
	if images.RepositoryFor(c.image, c.containers[0].ImageID) == "" {
		c.warnings = append(c.warnings, "the container's image has no name, so edgeman swap will need whole references; --image REPOSITORY:TAG says which it is")
	}
	via, warnings := chooseVia(o, c.containers)
	c.via, c.warnings = via, append(c.warnings, warnings...)
	c.chooseHealth(o)
	c.warnHealth(ctx)
	for _, n := range c.adoption.Warnings {
		c.warnings = append(c.warnings, n.Text)
	}
	if w := facts.Confinement.Warning(); w != "" {
		c.warnings = append(c.warnings, w)
	}
	return c, nil
}

// asked tells whether the operator wants the targets taken over. Those that
// share an upstream's requests go together or not at all.
func asked(o Options, group []nginxconf.Target) error {
	if len(o.Only) == 0 {
		return nil
	}
	n := 0
	for _, t := range group {
		if slices.ContainsFunc(t.Names(o.Everywhere), func(name string) bool { return slices.Contains(o.Only, name) }) {
			n++
		}
	}
	switch n {
	case 0:
		return errNotAsked
	case len(group):
		return nil
	}
	return hint.With(outcome.Refuse("the servers of upstream %s become one app together", group[0].Upstream), "--only %s", group[0].Upstream)
}

// judgeAll finds the container behind each target and asks whether it can be
// replaced.
func (h *Host) judgeAll(ctx context.Context, o Options, c *candidate) ([]adoptable.Adoption, error) {
	if len(c.targets) > 1 && o.Container != "" {
		return nil, hint.With(outcome.Refuse("upstream %s has %d servers; --container names one container", c.targets[0].Upstream, len(c.targets)),
			"leave it out, or --only")
	}
	var all []adoptable.Adoption
	for i := range c.targets {
		t := &c.targets[i]
		found, port, ats, err := c.finder.behind(ctx, o, *t)
		if err != nil {
			return nil, err
		}
		t.Addr = ats[0] // the host may be a name
		if i == 0 {
			c.port = port
		}
		c.containers, c.dialled = append(c.containers, found), append(c.dialled, ats)
		if err := c.sameAsFirst(i, port); err != nil {
			return nil, err
		}
		if err := h.prove(ctx, o, c, i, port, ats); err != nil {
			return nil, err
		}
		a, err := h.Docker.Adopt(ctx, found.ID, port, ats...)
		if err != nil {
			return nil, err
		}
		for _, n := range a.Refusals {
			if !slices.Contains(o.Allow, n.Code) {
				return nil, refuseNote(n)
			}
		}
		c.containers[i].Raw = a.Container.Raw
		all = append(all, a)
	}
	return all, nil
}

// imageOf names an image so that two builds of one tag are told apart.
func imageOf(c docker.Container) string {
	return fmt.Sprintf("%s (%.12s)", c.Image, strings.TrimPrefix(c.ImageID, "sha256:"))
}

// joinCopies makes one adoption of those of several containers, if they are
// alike and as many can be made of one's settings.
func joinCopies(c candidate, all []adoptable.Adoption) (adoptable.Adoption, error) {
	for i := range all[1:] {
		_, differ, err := adoptable.JoinCopies([]adoptable.Adoption{all[0], all[i+1]})
		if err != nil {
			return adoptable.Adoption{}, err
		}
		if len(differ) > 0 {
			return adoptable.Adoption{}, c.unlike(i+1, "is container %s, which has other settings than %s: %s",
				c.containers[i+1].Name, c.containers[0].Name, strings.Join(differ, ", "))
		}
	}
	joined, _, err := adoptable.JoinCopies(all)
	if err != nil {
		return joined, err
	}
	single, err := definition.Single(joined.Settings)
	if err == nil && len(single) > 0 {
		err = c.unlike(0, "is container %s, of which there can be only one: it %s", c.containers[0].Name, strings.Join(single, ", and "))
	}
	return joined, err
}

// ownSocket tells which app an address in nginx's files belongs to already.
func (h *Host) ownSocket(address string) (app string, ok bool) {
	path, isUnix := strings.CutPrefix(address, "unix:")
	app = filepath.Base(filepath.Dir(path))
	return app, isUnix && path == h.Paths.Live(app)
}

// chooseVia keeps the bridge for an app that seems to know its gateway: it may
// trust that peer and no other.
func chooseVia(o Options, containers []docker.Container) (via string, warnings []string) {
	if o.Via != "" {
		return o.Via, nil
	}
	for _, c := range containers {
		if named := c.NamesGateway(); len(named) > 0 {
			outcome := "so requests go over the bridge and keep that peer"
			if o.Mode == "native" {
				outcome = "and in mode native it sees no address"
			}
			return "bridge", []string{fmt.Sprintf("%s names its gateway or subnet (%s), %s", c.Name, strings.Join(named, ", "), outcome)}
		}
	}
	return "netns", nil
}
