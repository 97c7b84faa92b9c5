package variables

import (
	"slices"
	"strings"

	"edgeman/nginxconf/internal/config"
)

// assigned is what can have given a variable its value at some point: one of
// the set directives, or none of them.
type assigned struct {
	sets   []*config.Node
	unset  bool
	before bool // what ran before the location can have
}

func (a assigned) or(b assigned) assigned {
	out := assigned{sets: slices.Clone(a.sets), unset: a.unset || b.unset, before: a.before || b.before}
	seen := map[*config.Node]bool{}
	for _, s := range a.sets {
		seen[s] = true
	}
	for _, s := range b.sets {
		if !seen[s] {
			out.sets = append(out.sets, s)
		}
	}
	return out
}

// reaching returns the set directives of which one ran last, for a variable,
// before a pass or another set. nginx runs those of the server, then those of
// the location; an "if" may run or not, and a "break" ends its level. A request
// keeps what other locations have set when it is sent on to this one, and shares
// it with the requests that are made for it (ngx_http_subrequest).
func (c *Variables) reaching(at *config.Node, name string) assigned {
	server := at.Within("server")
	all := c.sets[variable{server, name}]
	if len(all) == 0 {
		return assigned{unset: true}
	}
	state := assigned{before: true}
	h := config.DefiningBlock(at)
	if h != server {
		state = c.level(h, at, name, state)
	}
	on := func(setting string) bool { return setting != "" && setting != "off" }
	shared := config.Module(at) != "" && (on(h.Setting("auth_request")) || on(h.Setting("mirror")))
	if !state.before && !shared {
		return state
	}
	var others assigned
	for _, s := range all {
		if s.Within("location") != nil {
			others.sets = append(others.sets, s)
		}
	}
	if state.before {
		first := c.level(server, at, name, assigned{unset: true}.or(others))
		if strings.HasPrefix(h.Arg(0), "@") || c.jumps[server] {
			first = first.or(others) // the server's own did not run again
		}
		state.before = false
		state = first.or(state)
	}
	if shared {
		state = state.or(others)
	}
	return state
}

// level runs the sets of a server or location.
func (c *Variables) level(block, at *config.Node, name string, in assigned) assigned {
	f := flow{c: c, at: at, name: name}
	end := f.run(block, in)
	switch {
	case f.here != nil:
		return *f.here
	case f.left != nil:
		return end.or(*f.left)
	}
	return end
}

// flow follows one variable through one level.
type flow struct {
	c    *Variables
	at   *config.Node
	name string
	here *assigned // at the directive that was asked about, if it is a set
	left *assigned // where a break may have ended the level
}

func (f *flow) run(block *config.Node, state assigned) assigned {
	for _, n := range f.c.rewrites[block] {
		switch {
		case f.here != nil:
			return state
		case n == f.at:
			f.here = &state
		case n.Name() == "set" && definedVariable(n) == f.name:
			state = assigned{sets: []*config.Node{n}}
		case n.Name() == "if" && config.Inside(f.at, n):
			state = f.run(n, state)
		case n.Name() == "if":
			state = state.or(f.run(n, state))
		case n.Name() == "break" || n.Name() == "rewrite" && (n.Arg(2) == "break" || n.Arg(2) == "last"):
			left := state
			if f.left != nil {
				left = left.or(*f.left)
			}
			f.left = &left
		}
	}
	return state
}
