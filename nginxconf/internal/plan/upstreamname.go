package plan

import (
	"slices"
	"strconv"
	"strings"

	"edgeman/nginxconf/internal/config"
	"edgeman/nginxconf/internal/route"
)

// addUpstream puts a new upstream before the server that holds the pass, and on
// request a variable that is its name.
func (p *planner) addUpstream(r route.Route, name string, variable bool) {
	lines := []string{"upstream " + name + " {", "    server unix:" + p.o.Socket + ";"}
	if p.o.NginxVersion.AtLeast(keepaliveDefaultSince) {
		lines = append(lines, "    keepalive 0;")
	}
	lines = append(lines, "}")
	if variable {
		lines = append(lines, `map "" $`+variableOf(name)+" {", "    default "+name+";", "}")
	}
	p.pending.InsertBefore(r.Pass.Within("server"), "http", "the address becomes the app's socket", lines...)
}

// upstreamName finds a name that nothing in the configuration uses. It has no
// underscore: some servers reject that in a Host header.
func (p *planner) upstreamName() string {
	name := "edgeman-" + p.o.App
	for i := 2; p.nameTaken(name); i++ {
		name = "edgeman-" + p.o.App + "-" + strconv.Itoa(i)
	}
	return name
}

func (p *planner) nameTaken(name string) bool {
	if p.c.Upstream("http", name) != nil || p.c.Defines(variableOf(name)) {
		return true
	}
	return slices.ContainsFunc(p.c.Passes(), func(pass *config.Node) bool {
		a, ok := route.ParsePass(pass.Arg(0))
		return ok && strings.EqualFold(a.Host, name)
	})
}

// nameIsFree reports whether an upstream of the name that a pass spells would
// catch requests for this address only, and whether nginx would accept it: it
// rejects the name of an upstream with a port anywhere in http.
func (p *planner) nameIsFree(r route.Route) bool {
	if strings.HasPrefix(r.Addr.Host, "[") {
		return false
	}
	for _, pass := range p.c.Passes() {
		if config.Side(pass) != "http" {
			continue
		}
		for _, other := range p.c.Routes(pass) {
			if other.Opaque != nil && other.Upstream == nil || other.Variable {
				return false
			}
			if other.Server != nil || !strings.EqualFold(other.Addr.Host, r.Addr.Host) {
				continue
			}
			if other.Addr.Port != "" || p.c.PlaceOf(other) != p.c.PlaceOf(r) || config.Module(pass) != config.Module(r.Pass) {
				return false
			}
		}
	}
	return true
}

// sameName is class B: an upstream is added, the pass stays. It reports whether
// that can be done.
func (p *planner) sameName(r route.Route) bool {
	name := strings.ToLower(r.Addr.Host)
	free, known := p.named[name]
	if known {
		return free
	}
	p.named[name] = p.nameIsFree(r)
	if p.named[name] {
		p.addUpstream(r, r.Addr.Host, false)
	}
	return p.named[name]
}
