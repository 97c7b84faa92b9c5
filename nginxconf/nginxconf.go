package nginxconf

// Config is a whole nginx configuration: the main file and everything it
// includes, and where its passes lead. It changes only by Locate, and is else safe
// for concurrent use.
type Config struct {
	*conf
	finder *finder
}

// Load reads the configuration that starts at mainFile, following includes by
// nginx's rules: relative paths start at the main file's directory, globs match
// no dot files and are read in byte order, a plain path must exist. The error
// is a *Refusal where nginx would refuse the file too, where two independent
// readers disagree about it, or where a limit is passed.
func Load(fs FS, mainFile string) (*Config, error) {
	c, err := load(fs, mainFile)
	if err != nil {
		return nil, err
	}
	return &Config{c, newFinder(c)}, nil
}

// Locate tells the configuration what answers where. Without it, addresses are
// the same only if they are spelled alike.
func (c *Config) Locate(where Places) { c.finder.Locate(where) }

// PassValues returns what the argument of a pass can be: itself, or, when it has
// variables in front of its URI part, every value that they can give it and that
// nginx can use. It is empty when not all of them are known.
func (c *Config) PassValues(pass *Node) []string { return c.finder.PassValues(pass) }

// Plan returns the edits that make the addresses of one app, as Together sorts
// targets into apps, o.Socket. It changes nothing. The error is a *Refusal when it cannot
// be shown that requests and responses stay what they are.
func (c *Config) Plan(o Options, app ...Target) (*Plan, error) {
	return makePlan(c.finder, traffic(app), o)
}

// trial tells whether a plan is refused, and whether it would rename an address.
func (c *Config) trial(app []Target) (renames bool, refusal *Refusal) {
	return tryPlan(c.finder, traffic(app))
}

func traffic(app []Target) Traffic {
	var out Traffic
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
