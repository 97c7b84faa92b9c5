package adopt

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
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

// findContainers finds the container behind each of the targets between which an
// upstream spreads its requests, or behind the only one.
func (h *Host) findContainers(ctx context.Context, o Options, at *finder, group []nginxconf.Target) (candidate, error) {
	c := candidate{finder: at, ways: []way{{targets: group}}}
	if err := asked(o, group); err != nil {
		return c, err
	}
	if app, ok := h.ownSocket(group[0].Address); ok {
		return c, hint.With(outcome.Refuse("already adopted, as %s", app), "edgeman status %s", app)
	}
	if r := group[0].Refusal; r != nil {
		return c, &outcome.RefusedError{Err: r}
	}
	if len(group) > 1 && o.Container != "" {
		return c, hint.With(outcome.Refuse("upstream %s has %d servers; --container names one container", group[0].Upstream, len(group)),
			"leave it out, or --only")
	}
	w := &c.ways[0]
	for i := range w.targets {
		t := &w.targets[i]
		found, port, ats, err := at.behind(ctx, o, *t)
		if err != nil {
			return c, err
		}
		t.Addr = ats[0] // the host may be a name
		if i == 0 {
			w.port = port
		}
		c.containers, w.dialled = append(c.containers, found), append(w.dialled, ats)
		if err := c.sameAsFirst(i, port); err != nil {
			return c, err
		}
	}
	return c, nil
}

// joinWays makes one candidate of those that lead to the same containers, which
// deploy together. The main way is that to the lowest port that HTTP is spoken on.
func joinWays(found []candidate) (joined []candidate) {
	for _, c := range found {
		i := slices.IndexFunc(joined, func(other candidate) bool {
			return other.sharesContainers(c) == len(c.containers) && len(other.containers) == len(c.containers)
		})
		if i < 0 {
			joined = append(joined, c)
			continue
		}
		to := &joined[i]
		to.ways = append(to.ways, c.ways[0].ordered(c.containers, to.containers))
		slices.SortFunc(to.ways, byImportance)
	}
	return joined
}

func byImportance(a, b way) int {
	if http := a.protocol() == "http"; http != (b.protocol() == "http") {
		return map[bool]int{true: -1, false: 1}[http]
	}
	return int(a.port) - int(b.port)
}

// sharesContainers is how many containers another candidate has in common.
func (c candidate) sharesContainers(other candidate) (n int) {
	for _, ct := range other.containers {
		if slices.ContainsFunc(c.containers, func(own docker.Container) bool { return own.ID == ct.ID }) {
			n++
		}
	}
	return n
}

// ordered is the way with its targets in another order of their containers.
func (w way) ordered(from, to []docker.Container) way {
	out := way{port: w.port}
	for _, ct := range to {
		i := slices.IndexFunc(from, func(c docker.Container) bool { return c.ID == ct.ID })
		out.targets, out.dialled = append(out.targets, w.targets[i]), append(out.dialled, w.dialled[i])
	}
	return out
}

// judge asks whether the containers of a candidate can be replaced, and what the
// operator has to know of that.
func (h *Host) judge(ctx context.Context, o Options, conf *nginxconf.Config, facts nginx.Facts, c *candidate) error {
	if len(c.ways) > 1 && o.Port != 0 {
		return hint.With(outcome.Refuse("%s are %d ports of container %s; --port names one", c.addresses(), len(c.ways), c.containers[0].Name),
			"leave it out, or --only")
	}
	c.beside = c.finder.staysBeside(ctx, o, conf, *c)
	all, err := h.judgeAll(ctx, o, c)
	if err != nil {
		return err
	}
	c.adoption = all[0]
	if len(all) > 1 {
		if c.adoption, err = joinCopies(*c, all); err != nil {
			return err
		}
	}
	h.compareDeclared(ctx, c)
	c.image = c.containers[0].Image
	if o.Image != "" {
		c.image = o.Image
		if image, err := h.Docker.Image(ctx, o.Image); err != nil || image.ID != c.containers[0].ImageID {
			c.warnings = append(c.warnings, fmt.Sprintf("%s is not known here as the image that container %s runs (%.19s)", o.Image, c.containers[0].Name, c.containers[0].ImageID))
		}
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
	if err := errors.Join(c.mayStay(), c.otherPorts(o, conf)); err != nil {
		return err
	}
	return c.finder.strays(ctx, o, conf, *c)
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

// judgeAll asks of each container whether it can be replaced.
func (h *Host) judgeAll(ctx context.Context, o Options, c *candidate) ([]adoptable.Adoption, error) {
	var all []adoptable.Adoption
	for i, ct := range c.containers {
		for _, w := range c.ways {
			if err := h.prove(ctx, o, c, w, i); err != nil {
				return nil, err
			}
		}
		a, err := h.Docker.Adopt(ctx, ct.ID, c.served(i)...)
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

// served are the ports of the i-th container that its successor does not publish.
func (c *candidate) served(i int) (out []adoptable.Served) {
	for _, w := range c.ways {
		out = append(out, adoptable.Served{Port: w.port, At: w.dialled[i]})
	}
	if c.beside { // it keeps its ports
		for _, p := range c.containers[i].Published {
			out = append(out, adoptable.Served{Port: p.ContainerPort, At: []netip.AddrPort{reachable(p)}})
		}
	}
	return out
}

// reachable is an address of this host at which a published port is.
func reachable(p docker.Port) netip.AddrPort {
	if !p.HostIP.IsValid() || p.HostIP.IsUnspecified() {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), p.HostPort)
	}
	return netip.AddrPortFrom(p.HostIP, p.HostPort)
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
	live := filepath.Dir(path)
	app = filepath.Base(filepath.Dir(live))
	return app, isUnix && live == h.Paths.Live(app)
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
