package plan

import (
	"strconv"
	"strings"

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

// variableOf names the variable that is the name of an upstream.
func variableOf(name string) string { return strings.ReplaceAll(name, "-", "_") }

// upstreamName finds a name that nothing in the configuration uses. It has no
// underscore: some servers reject that in a Host header.
func (p *planner) upstreamName() string {
	name := "edgeman-" + p.o.App
	for i := 2; p.taken(name); i++ {
		name = "edgeman-" + p.o.App + "-" + strconv.Itoa(i)
	}
	return name
}

func (p *planner) taken(name string) bool {
	if p.c.Upstream("http", name) != nil || p.c.Defines(variableOf(name)) {
		return true
	}
	for _, pass := range p.c.Passes() {
		if a, ok := route.ParsePass(pass.Arg(0)); ok && strings.EqualFold(a.Host, name) {
			return true
		}
	}
	return false
}
