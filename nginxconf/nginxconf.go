package nginxconf

import (
	"cmp"
	"slices"

	"edgeman/nginxconf/internal/config"
	"edgeman/nginxconf/internal/edit"
	"edgeman/nginxconf/internal/plan"
	"edgeman/nginxconf/internal/route"
)

// What questions are asked in and answers are given in.
type (
	FS       = config.FS
	Node     = config.Node
	Pos      = config.Pos
	Refusal  = config.Refusal
	Version  = config.Version
	Places   = route.Places
	Class    = route.Class
	Options  = plan.Options
	Plan     = plan.Plan
	FileEdit = edit.FileEdit
	Edit     = edit.Edit
)

// Codes of a Plan's Losses and Stays.
const (
	LostStickiness = plan.LostStickiness
	LostWeights    = plan.LostWeights
	UpstreamAddr   = plan.UpstreamAddr
	SeveralPlaces  = plan.SeveralPlaces
)

// ParseVersion reads "1.22.1" or "nginx/1.22.1 (Debian)", or another program's.
func ParseVersion(s string) (Version, error) { return config.ParseVersion(s) }

// Config is a whole nginx configuration: the main file and everything it
// includes, and where its passes lead. It changes only by Locate, and is else safe
// for concurrent use.
type Config struct {
	*config.Config
	finder *route.Finder
}

// Load reads the configuration that starts at mainFile, following includes by
// nginx's rules: relative paths start at the main file's directory, globs match
// no dot files and are read in byte order, a plain path must exist. The error
// is a *Refusal where nginx would refuse the file too, where two independent
// readers disagree about it, or where a limit is passed.
func Load(fs FS, mainFile string) (*Config, error) {
	c, err := config.Load(fs, mainFile)
	if err != nil {
		return nil, err
	}
	return &Config{c, route.NewFinder(c)}, nil
}

// Locate tells the configuration what answers where. Without it, addresses are
// the same only if they are spelled alike.
func (c *Config) Locate(where Places) { c.finder.Locate(where) }

// PassValues returns what the argument of a pass can be: itself, or, when it has
// variables in front of its URI part, every value that they can give it and that
// nginx can use. It is empty when not all of them are known.
func (c *Config) PassValues(pass *Node) []string { return c.finder.PassValues(pass) }

// Plan returns the edits that lead the targets of one app to their sockets. Those
// of one socket are as Together sorts them. It changes nothing. The error is a
// *Refusal when it cannot be shown that requests and responses stay what they are.
func (c *Config) Plan(o Options, app ...Target) (*Plan, error) {
	var whole *Plan
	finder := c.finder
	for i, group := range bySocket(o, app) {
		if i > 0 { // what is planned so far has been made when this is
			next, err := finder.With(whole.After())
			if err != nil {
				return nil, err
			}
			finder, group = next, again(next, group)
		}
		o.Socket = cmp.Or(group[0].Socket, o.Socket)
		p, err := plan.Make(finder, traffic(group), o)
		if err != nil {
			return nil, err
		}
		whole = whole.Then(p)
	}
	return whole, nil
}

// bySocket sorts targets by what they are led to.
func bySocket(o Options, app []Target) (groups [][]Target) {
	for _, t := range app {
		t.Socket = cmp.Or(t.Socket, o.Socket)
		i := slices.IndexFunc(groups, func(g []Target) bool { return g[0].Socket == t.Socket })
		if i < 0 {
			groups = append(groups, nil)
			i = len(groups) - 1
		}
		groups[i] = append(groups[i], t)
	}
	return groups
}

// again finds targets in another version of their configuration.
func again(in *route.Finder, group []Target) (found []Target) {
	all := (&Config{in.Config, in}).collect(group[0].sites)
	for _, t := range group {
		if i := slices.IndexFunc(all, func(now Target) bool { return now.place == t.place }); i >= 0 {
			all[i].Socket = t.Socket
			found = append(found, all[i])
		}
	}
	return found
}

// trial tells whether a plan is refused, and whether it would rename an address.
func (c *Config) trial(app []Target) (renames bool, refusal *Refusal) {
	return plan.Try(c.finder, traffic(app))
}

func traffic(app []Target) plan.Traffic {
	var out plan.Traffic
	for _, t := range app {
		out.Places = append(out.Places, t.place)
		for _, u := range t.Uses {
			out.Routes = append(out.Routes, u.route)
		}
		for _, u := range t.Elsewhere {
			out.Elsewhere = append(out.Elsewhere, u.route)
		}
	}
	return out
}
