package nginxconf

import (
	"cmp"
	"net/netip"
	"slices"

	"edgeman/nginxconf/internal/route"
)

// Target is what a site sends requests to, with every directive that does so.
// All spellings of one place are one target; see Config.Locate.
type Target struct {
	Address   string         `json:"address"`            // as first written: host:port or unix:path
	Addr      netip.AddrPort `json:"addr"`               // the same in numbers, invalid when the host is a name
	Upstream  string         `json:"upstream,omitempty"` // name of the first upstream that holds it
	Class     route.Class    `json:"class"`              // the most intrusive class among the uses
	Protocol  string         `json:"protocol"`           // "http", "https", "fastcgi", "grpc", "stream", ...
	Keepalive bool           `json:"keepalive"`          // an upstream of it keeps connections alive by configuration
	Uses      []Use          `json:"uses"`               // of the site
	Elsewhere []Use          `json:"elsewhere"`          // uses outside the site
	Refusal   *Refusal       `json:"refusal,omitempty"`  // why it cannot be taken over; nil if it can

	Socket string `json:"-"` // what Plan leads it to; empty: Options.Socket

	place string // its name, see Places
	sites []string
}

// Addresses returns the spellings of the target in the site, in their order, and
// with everywhere those outside of it as well.
func (t Target) Addresses(everywhere bool) []string {
	return t.each(everywhere, func(u Use) string { return u.Address })
}

// Names returns what the target can be called by: its addresses and upstreams.
func (t Target) Names(everywhere bool) []string {
	return append(t.Addresses(everywhere), t.each(everywhere, func(u Use) string { return u.Upstream })...)
}

// each returns what f tells of the target's uses, without repetitions.
func (t Target) each(everywhere bool, f func(Use) string) []string {
	uses := t.Uses
	if everywhere {
		uses = slices.Concat(uses, t.Elsewhere)
	}
	var out []string
	for _, u := range uses {
		if s := f(u); s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// Use is one place that sends requests to a target.
type Use struct {
	Pos      Pos    `json:"pos"`      // of the pass directive
	In       string `json:"in"`       // "server example.com, location /api"
	Text     string `json:"text"`     // "proxy_pass http://my_app"
	Address  string `json:"address"`  // as written: host:port or unix:path
	Upstream string `json:"upstream"` // name of the upstream it goes through, "" for a literal
	Server   Pos    `json:"server"`   // of the upstream's server line, zero for a literal

	route route.Route
}

// Targets returns what sites send requests to, in the order of the files. A site
// is a configuration file: a path as in sites-available or sites-enabled,
// symlinks are followed. It owns the pass directives that stand in it, those in
// the servers and locations that it opens, and those that use an upstream it
// defines. The error is a *Refusal when the file is not part of the
// configuration.
func (c *Config) Targets(sites ...string) ([]Target, error) {
	var files []string
	for _, site := range sites {
		real, err := c.Resolve(site)
		if err != nil {
			return nil, err
		}
		files = append(files, real)
	}
	out := c.collect(files)
	for i := range out {
		renames, refusal := c.trial(out[i : i+1])
		out[i].Refusal = refusal
		if renames {
			out[i].Class = route.ClassC // a name without a port that is not free
		}
	}
	return out, nil
}

// collect groups all routes by address and keeps the groups that the sites use.
func (c *Config) collect(sites []string) []Target {
	var keys []string
	byKey := map[string]*Target{}
	for _, pass := range c.Passes() {
		for _, r := range c.finder.Routes(pass) {
			key := c.finder.PlaceOf(r)
			t := byKey[key]
			if t == nil {
				t = &Target{place: key}
				byKey[key] = t
				keys = append(keys, key)
			}
			t.add(r, slices.ContainsFunc(sites, func(site string) bool { return owns(site, r) }))
		}
	}
	var out []Target
	for _, k := range keys {
		if t := byKey[k]; len(t.Uses) > 0 {
			t.sites = sites
			out = append(out, *t)
		}
	}
	return out
}

func (t *Target) add(r route.Route, inSite bool) {
	u := use(r)
	if !inSite {
		t.Elsewhere = append(t.Elsewhere, u)
		return
	}
	if len(t.Uses) == 0 {
		t.Address, t.Addr, t.Protocol = r.Text(), r.Addr.AddrPort(r.Fallback), r.Protocol()
	}
	t.Class = max(t.Class, r.Class)
	if r.Upstream != nil {
		t.Keepalive = t.Keepalive || r.Upstream.Last("keepalive") != nil
		t.Upstream = cmp.Or(t.Upstream, u.Upstream)
	}
	t.Uses = append(t.Uses, u)
}

func use(r route.Route) Use {
	u := Use{Pos: r.Pass.Pos(), In: r.Pass.Parent().Path(), Text: r.Pass.String(), Address: r.Text(), route: r}
	if r.Upstream != nil {
		u.Upstream = r.Upstream.Arg(0)
	}
	if r.Server != nil {
		u.Server = r.Server.Pos()
	}
	return u
}

// owns reports whether a site file owns a route.
func owns(site string, r route.Route) bool {
	if r.Upstream != nil && r.Upstream.Directive().File.Path == site {
		return true
	}
	for n := r.Pass; n != nil && n.Directive() != nil; n = n.Parent() {
		if n.Directive().File.Path == site {
			return true
		}
		if n.Name() == "server" {
			return false
		}
	}
	return false
}

// Reaching lists every place of the configuration that sends requests to an
// address that match picks. An address behind a name is not among them.
func (c *Config) Reaching(match func(netip.AddrPort) bool) []Use {
	var out []Use
	for _, pass := range c.Passes() {
		for _, r := range c.finder.Routes(pass) {
			if r.Opaque != nil {
				continue
			}
			if a := r.Addr.AddrPort(r.Fallback); a.IsValid() && match(a) {
				out = append(out, use(r))
			}
		}
	}
	return out
}

// Together sorts a site's targets into the apps that they can become. Addresses
// between which an upstream spreads its requests belong to one app, whose copies
// they are; any other target is an app of its own. The first target of several
// carries the Refusal of all.
func (c *Config) Together(targets []Target) [][]Target {
	group := map[string]int{} // by place
	for i, t := range targets {
		group[t.place] = i
	}
	for _, t := range targets {
		for _, u := range t.Uses {
			if u.route.Upstream == nil || route.Spare(u.route.Server) {
				continue
			}
			for _, key := range c.finder.Balanced(u.route.Upstream) {
				if other, ok := group[key]; ok && other != group[t.place] {
					merge(group, other, group[t.place])
				}
			}
		}
	}
	var out [][]Target
	at := map[int]int{} // group: place in out
	for _, t := range targets {
		g := group[t.place]
		if _, ok := at[g]; !ok {
			at[g] = len(out)
			out = append(out, nil)
		}
		out[at[g]] = append(out[at[g]], t)
	}
	for _, app := range out {
		if len(app) > 1 {
			_, app[0].Refusal = c.trial(app)
		}
	}
	return out
}

func merge(group map[string]int, from, to int) {
	for key, g := range group {
		if g == from {
			group[key] = to
		}
	}
}
