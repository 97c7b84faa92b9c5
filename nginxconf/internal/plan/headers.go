package plan

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"edgeman/nginxconf/internal/config"
	"edgeman/nginxconf/internal/route"
	"edgeman/nginxconf/internal/variables"
)

const keepsHeaders = "the headers stay: a level with one of its own inherits none"

// headers keeps the Host header. The list of headers is all or nothing: a
// level that sets one header inherits none.
func (p *planner) headers(h *config.Node, module string, r route.Route) error {
	name := module + "_set_header"
	lines := h.Effective(name)
	host, mentioned, empty := headerNeeds(lines)
	if empty != nil && p.o.NginxVersion.AtLeast(hostRuleSince) {
		return config.Refuse(empty.Pos(), ownUpstreamHint, "%q means the default Host on newer versions of nginx", empty)
	}
	known := r
	if module != "proxy" {
		known, mentioned = route.Route{}, false // $proxy_host is empty there
	}
	if host && !mentioned || p.inheritsHeaders(h, name) {
		return nil
	}
	if err := p.mustBePure(h, module, r); err != nil {
		if !host {
			err = config.Refuse(r.Pass.Pos(), "set the Host header there ("+name+" Host $host;), or "+ownUpstreamHint,
				"the blocks of %s send requests to several addresses, each of which is the Host header of its requests", h.Path())
		}
		return err
	}
	if err := p.shieldInheriting(h, module, name, lines); err != nil {
		return err
	}
	p.headersAt[h] = p.hosts[h]
	var add []string
	if !host {
		add = p.hostLines(h, module, r)
	}
	p.writeHeaders(h, r, known, lines, add)
	return nil
}

// writeHeaders gives a block the list of headers that it has from outside, with the
// lines in add, or changes its own.
func (p *planner) writeHeaders(h *config.Node, r, known route.Route, lines []*config.Node, add []string) {
	first := len(add) > 1 // HTTP/2 wants :authority before all headers
	own := lines != nil && lines[0].Parent() == h
	switch inherited := copyLines(lines, known); {
	case !own && first:
		p.insertAtPass(h, r, keepsHeaders, append(add, inherited...)...)
	case !own:
		p.insertAtPass(h, r, keepsHeaders, append(inherited, add...)...)
	case first:
		p.pending.InsertFirst(h, "the Host header stays", add...)
	case add != nil:
		p.insertLast(h, lines[len(lines)-1], "the Host header stays", add...)
	}
	if own {
		p.substituteIn(lines, known)
	}
}

func headerNeeds(lines []*config.Node) (host, mentioned bool, empty *config.Node) {
	for _, l := range lines {
		if strings.EqualFold(l.Arg(0), "Host") {
			host = true
			if l.Arg(1) == "" {
				empty = l
			}
		}
		mentioned = mentioned || variables.UsesHost(l)
	}
	return host, mentioned, empty
}

// inheritsHeaders reports whether h gets its headers from a level to which the
// plan has already added what h needs.
func (p *planner) inheritsHeaders(h *config.Node, name string) bool {
	for n := h; n != nil; n = n.Parent() {
		if host, ok := p.headersAt[n]; ok && n != h {
			return host == p.hosts[h]
		}
		if len(n.All(name)) > 0 {
			return false
		}
	}
	return false
}

// shieldInheriting gives the inner locations that go elsewhere the list they had. One
// line is enough to inherit none: a Keep-Alive is never sent, whatever the version.
func (p *planner) shieldInheriting(h *config.Node, module, name string, lines []*config.Node) error {
	for _, heir := range p.inheritingElsewhere(h, module, name) {
		passes := p.c.PassesAt(heir, module)
		if p.hosts[heir] != "" {
			if err := p.mustBePure(heir, module, route.Route{Pass: passes[0]}); err != nil {
				return err
			}
			continue // gets a list of its own for its own spelling
		}
		text := copyLines(lines, route.Route{})
		if len(text) == 0 {
			text = []string{name + ` Keep-Alive "";`}
		}
		p.headersAt[heir] = "" // what is inside may be the app's again
		p.insertAtPass(heir, route.Route{Pass: passes[0]}, "an inner location keeps its own Host", text...)
	}
	return nil
}

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
	return h.Setting("proxy_http_version") == "2"
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
