package deployer

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/nginx"
	"edgeman/deployer/state"
	"edgeman/nginxconf"
	"edgeman/sockets"
)

// candidate is one target of a site that will become an app.
type candidate struct {
	name      string
	target    nginxconf.Target
	plan      *nginxconf.Plan
	container docker.Container
	port      uint16
	adoption  docker.Adoption
	via       string
	image     string
	warnings  []string
}

// left is a target of the site that stays as it is, and why.
type left struct {
	Target string `json:"target"`
	Reason string `json:"reason"`
}

// planAdopt reads nginx's whole configuration and the containers behind the
// site, and decides what would be done. It changes nothing. A site of which
// nothing can be taken is refused.
func (h *Host) planAdopt(ctx context.Context, o AdoptOptions) ([]candidate, []left, error) {
	site, conf, facts, err := h.readSite(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	targets, err := conf.Targets(site)
	if err != nil {
		return nil, nil, &RefusedError{err}
	}
	var (
		take   []candidate
		leave  []left
		refuse []error
	)
	for _, t := range targets {
		if len(o.Only) > 0 && !slices.Contains(o.Only, t.Address) && !slices.Contains(o.Only, t.Upstream) {
			leave = append(leave, left{t.Address, "not asked for"})
			continue
		}
		c, err := h.planTarget(ctx, o, conf, facts, t)
		if err != nil {
			leave = append(leave, left{t.Address, firstLine(err)})
			refuse = append(refuse, err)
			continue
		}
		take = append(take, c)
	}
	if len(take) == 0 {
		return nil, leave, refuseSite(site, refuse)
	}
	return take, leave, h.nameCandidates(o, site, take)
}

// readSite loads what adopt judges by, and refuses a host whose configuration
// is broken or has edits on disk that are not live yet.
func (h *Host) readSite(ctx context.Context, o AdoptOptions) (string, *nginxconf.Config, nginx.Facts, error) {
	facts, err := h.Nginx.Facts(ctx)
	if err != nil {
		return "", nil, facts, err
	}
	if !facts.Running {
		return "", nil, facts, refuse("nginx is not running\nhint: systemctl start nginx")
	}
	if _, err := h.Nginx.Precheck(ctx); err != nil {
		return "", nil, facts, refused(err)
	}
	conf, err := nginxconf.Load(h.Files, facts.Main)
	if err != nil {
		return "", nil, facts, &RefusedError{err}
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
func (h *Host) refusePending(ctx context.Context, o AdoptOptions, conf *nginxconf.Config) error {
	pending, err := h.Nginx.PendingEdits(ctx, conf.Watched())
	for start := time.Now(); err == nil && len(pending) > 0 && time.Since(start) < reloadSettles; {
		if !sleep(ctx, pollEvery) {
			return ctx.Err()
		}
		pending, err = h.Nginx.PendingEdits(ctx, conf.Watched())
	}
	if err != nil || len(pending) == 0 || o.ReloadPending {
		return err
	}
	var names []string
	for _, p := range pending {
		names = append(names, p.Path)
	}
	return refuse("changed since nginx was last loaded: %s; adopting reloads nginx, which would make that live too\n"+
		"hint: systemctl reload nginx when it is meant to be live, or --reload-pending", strings.Join(names, ", "))
}

// planTarget finds the container behind one target and plans its edit.
func (h *Host) planTarget(ctx context.Context, o AdoptOptions, conf *nginxconf.Config, facts nginx.Facts, t nginxconf.Target) (candidate, error) {
	c := candidate{target: t}
	if app, ok := h.ownSocket(t.Address); ok {
		return c, refuse("adopted already, as %s\nhint: edgeman status %s", app, app)
	}
	if t.Refusal != nil {
		return c, &RefusedError{t.Refusal}
	}
	var err error
	if c.container, c.port, err = h.behind(ctx, o, t); err != nil {
		return c, err
	}
	if c.adoption, err = h.Docker.Adopt(ctx, c.container.ID, c.port, t.Addr); err != nil {
		return c, err
	}
	for _, n := range c.adoption.Refusals {
		if !slices.Contains(o.Allow, n.Code) {
			return c, refuseNote(c.container.Name, n)
		}
	}
	c.image = c.container.Image
	if o.Image != "" {
		c.image = o.Image
	}
	c.via, c.warnings = chooseVia(o, c.container)
	for _, n := range c.adoption.Warnings {
		c.warnings = append(c.warnings, n.Text)
	}
	if w := facts.Confinement.Warning(); w != "" {
		c.warnings = append(c.warnings, w)
	}
	return c, nil
}

// ownSocket tells which app an address in nginx's files belongs to already.
func (h *Host) ownSocket(address string) (app string, ok bool) {
	path, isUnix := strings.CutPrefix(address, "unix:")
	app = filepath.Base(filepath.Dir(path))
	return app, isUnix && path == h.Paths.Live(app)
}

// behind finds the container that answers at the target's address.
func (h *Host) behind(ctx context.Context, o AdoptOptions, t nginxconf.Target) (docker.Container, uint16, error) {
	if o.Container != "" {
		c, err := h.Docker.Inspect(ctx, o.Container)
		if errors.Is(err, docker.ErrNotFound) {
			return c, 0, refuse("there is no container %q\nhint: docker ps", o.Container)
		}
		port, ok := portBehind(c, t.Addr, o.Port)
		if err == nil && !ok {
			err = refuse("container %s does not publish %s, so the app's port is not known\nhint: say it with --port", c.Name, t.Address)
		}
		return c, port, err
	}
	found, err := h.Docker.Serving(ctx, t.Addr)
	switch {
	case err != nil:
		return docker.Container{}, 0, err
	case len(found) == 0:
		return docker.Container{}, 0, refuse("%s: no running container serves %s\nhint: docker ps shows what runs; name it with --container", t.Uses[0].Pos, t.Address)
	case len(found) > 1:
		var names []string
		for _, f := range found {
			names = append(names, f.Container.Name)
		}
		return docker.Container{}, 0, refuse("%s may be served by %s\nhint: say which with --container", t.Address, strings.Join(names, " or "))
	}
	port := found[0].Port
	if o.Port != 0 {
		port = o.Port
	}
	return found[0].Container, port, nil
}

// portBehind is the container's port that the address leads to.
func portBehind(c docker.Container, addr netip.AddrPort, chosen uint16) (uint16, bool) {
	if chosen != 0 {
		return chosen, true
	}
	for _, p := range c.Published {
		if p.HostPort == addr.Port() && p.Proto == "tcp" {
			return p.ContainerPort, true
		}
	}
	for _, n := range c.Networks {
		if n.IPv4 == addr.Addr() || n.IPv6 == addr.Addr() {
			return addr.Port(), true
		}
	}
	return addr.Port(), c.NetworkMode == "host"
}

// chooseVia keeps the bridge for an app that seems to know its gateway: it may
// trust that peer and no other.
func chooseVia(o AdoptOptions, c docker.Container) (via string, warnings []string) {
	named := docker.NamesGateway(c)
	switch {
	case o.Via != "":
		return o.Via, nil
	case len(named) > 0:
		return "bridge", []string{fmt.Sprintf("%s names its gateway or subnet (%s), so requests go over the bridge and keep that peer", c.Name, strings.Join(named, ", "))}
	}
	return "netns", nil
}

var notInName = regexp.MustCompile(`[^a-z0-9]+`)

// nameCandidates names the apps: as asked, else after the site for a single
// one, else after their upstreams or containers. It completes the plans, which
// depend on the name.
func (h *Host) nameCandidates(o AdoptOptions, site string, take []candidate) error {
	seen := map[string]bool{}
	for i := range take {
		c := &take[i]
		base := strings.TrimSuffix(filepath.Base(site), ".conf")
		if len(take) > 1 {
			base = c.container.Name
		}
		c.name = strings.Trim(notInName.ReplaceAllString(strings.ToLower(base), "-"), "-")
		if len(c.name) > 31 {
			c.name = strings.Trim(c.name[:31], "-")
		}
		if o.Name != "" && len(take) == 1 {
			c.name = o.Name
		}
		for _, key := range []string{c.target.Address, c.target.Upstream} {
			if n, ok := o.Names[key]; ok && key != "" {
				c.name = n
			}
		}
		if err := sockets.ValidName(c.name); err != nil {
			return usage("%w\nhint: choose a name with --name", err)
		}
		if seen[c.name] {
			return usage("two targets would be called %s\nhint: name them with --name TARGET=NAME", c.name)
		}
		seen[c.name] = true
		if _, err := h.Paths.ReadApp(c.name); !errors.Is(err, state.ErrNoApp) {
			return refuse("there is an app %s already\nhint: choose another name with --name, or edgeman release %s first", c.name, c.name)
		}
	}
	return nil
}

// planEdits plans the edits of one candidate on the configuration as it is now:
// an earlier candidate of the same run may have changed the same file.
func (h *Host) planEdits(ctx context.Context, o AdoptOptions, c *candidate) error {
	facts, err := h.Nginx.Facts(ctx)
	if err != nil {
		return err
	}
	conf, err := nginxconf.Load(h.Files, facts.Main)
	if err != nil {
		return &RefusedError{err}
	}
	version, err := nginxconf.ParseVersion(facts.Version)
	if err != nil {
		return err
	}
	targets, err := conf.Targets(o.Site)
	if err != nil {
		return &RefusedError{err}
	}
	for _, t := range targets {
		if t.Address != c.target.Address {
			continue
		}
		c.plan, err = conf.Plan(t, nginxconf.Options{Socket: h.Paths.Live(c.name), App: c.name, NginxVersion: version, Everywhere: o.Everywhere})
		if err != nil {
			return &RefusedError{err}
		}
		return refuseStays(o, c.plan)
	}
	return refuse("%s no longer sends requests to %s", o.Site, c.target.Address)
}

// AllowOtherSites is the code of the refusal that keeps other sites' upstreams.
const AllowOtherSites = "other-sites"

// refuseStays keeps adopt from taking the address away from other sites.
func refuseStays(o AdoptOptions, plan *nginxconf.Plan) error {
	if len(plan.Stays) == 0 || slices.Contains(o.Allow, AllowOtherSites) {
		return nil
	}
	var places []string
	for _, s := range plan.Stays {
		places = append(places, fmt.Sprintf("%s: %s", s.Pos, s.Text))
	}
	return refuse("%s\nhint: --everywhere takes these over, too; --allow-%s accepts that they fail", strings.Join(places, "\n"), AllowOtherSites)
}

func refuseNote(container string, n docker.Note) error {
	if n.Override == "" {
		return refuse("container %s: %s", container, n.Text)
	}
	return refuse("container %s: %s\nhint: %s accepts that", container, n.Text, n.Override)
}

func refuseSite(site string, reasons []error) error {
	if len(reasons) == 0 {
		return refuse("%s sends no requests anywhere: nothing to adopt", site)
	}
	return refused(errors.Join(reasons...))
}

// refused marks err as a refusal, unless it is marked already; hints that an
// error carries go on a line of their own.
func refused(err error) error {
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) && hinted.Hint() != "" && !strings.Contains(err.Error(), "hint:") {
		err = fmt.Errorf("%w\nhint: %s", err, hinted.Hint())
	}
	return &RefusedError{err}
}
