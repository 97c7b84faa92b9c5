package plan

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"edgeman/nginxconf/internal/config"
	"edgeman/nginxconf/internal/route"
)

// oldHostRule matches the versions before hostRuleSince in a map's key.
const oldHostRule = `~^1\.([12]?[0-9]\.|30\.|31\.[0-3]$)`

// hostLines returns the lines that set the Host of h's requests to what it is
// without them. HTTP/2 has :authority in its place. Old versions of nginx send
// that only where no Host is set, and take one that is written as a header; new
// ones always send it, from the Host that is set. Lines for an old version hold
// for a new one too, so that an upgrade changes nothing.
func (p *planner) hostLines(h *config.Node, module string, r route.Route) []string {
	name := module + "_set_header"
	if !http2(h, module) || p.o.NginxVersion.AtLeast(hostRuleSince) {
		return []string{name + " Host " + r.HostHeader() + ";"}
	}
	v := p.authorityMaps(r)
	return []string{name + " Host $" + v + "_host;", name + " :authority $" + v + "_authority;"}
}

// http2 reports whether the requests of a block's passes are sent by HTTP/2.
func http2(h *config.Node, module string) bool {
	if module != "proxy" {
		return module == "grpc"
	}
	version := h.Effective("proxy_http_version")
	return version != nil && version[0].Arg(0) == "2"
}

// authorityMaps adds the two maps that say, by nginx's version, what is sent as
// Host and what as :authority, and returns what their variables begin with.
func (p *planner) authorityMaps(r route.Route) string {
	host := r.HostHeader()
	if name, ok := p.authorities[host]; ok {
		return name
	}
	base := "edgeman_" + strings.ReplaceAll(p.o.App, "-", "_")
	name := base
	for i := 2; p.c.Defines(name+"_host") || p.c.Defines(name+"_authority") || slices.Contains(slices.Collect(maps.Values(p.authorities)), name); i++ {
		name = base + "_" + strconv.Itoa(i)
	}
	p.authorities[host] = name
	p.pending.InsertBefore(r.Pass.Within("server"), "http", "the app goes on getting :authority, also from a newer nginx",
		"map $nginx_version $"+name+"_host {",
		"    "+oldHostRule+` "";`,
		"    default "+host+";",
		"}",
		"map $nginx_version $"+name+"_authority {",
		"    "+oldHostRule+" "+host+";",
		`    default "";`,
		"}")
	return name
}
