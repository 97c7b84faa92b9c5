package nginxconf

import "edgeman/nginxconf/internal/route"

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
