package nginxconf

import "strings"

// sameName is class B.
func (p *planner) sameName(r route) error {
	return refuse(r.pass.Pos(), "name an upstream in the site and use it in "+r.pass.Name(),
		"%q has no port", r.pass)
}

// rename is class C: the literal host and port become a new upstream, and what
// nginx derived from the old text is written out.
func (p *planner) rename(routes []route) error {
	if len(routes) == 0 {
		return nil
	}
	name := p.upstreamName()
	first := routes[0].pass.Within("server")
	lines := []string{"upstream " + name + " {", "    server unix:" + p.o.Socket + ";"}
	if p.o.NginxVersion.atLeast(keepaliveDefaultSince) {
		lines = append(lines, "    keepalive 0;")
	}
	p.wishes.insertBefore(first, "http", "the new upstream", append(lines, "}")...)
	for _, r := range routes {
		if err := p.plainLiteral(r); err != nil {
			return err
		}
		p.wishes.replaceArg(r.pass, 0, r.addr.start, r.addr.end, name, "the address becomes the upstream")
	}
	return nil
}

// upstreamName finds a name that nothing in the configuration uses.
func (p *planner) upstreamName() string {
	name := "edgeman-" + p.o.App
	for i := '2'; p.taken(name); i++ {
		name = "edgeman-" + p.o.App + "-" + string(i)
	}
	return name
}

func (p *planner) taken(name string) bool {
	if p.c.index.upstreams["http/"+name] != nil {
		return true
	}
	for _, pass := range p.c.index.passes {
		if a, ok := parsePass(pass.Arg(0)); ok && strings.EqualFold(a.host, name) {
			return true
		}
	}
	return false
}

// plainLiteral compensates one literal.
func (p *planner) plainLiteral(r route) error {
	lvl, pos := r.pass.parent, r.pass.Pos()
	const hint = "name an upstream in the site and use it in proxy_pass"
	switch {
	case r.addr.scheme != "http" || r.addr.uri != "":
		return refuse(pos, hint, "%q is not a plain http://HOST:PORT", r.pass)
	case lvl.Name() != "location":
		return refuse(pos, hint, "%q is not directly in a location", r.pass)
	case len(lvl.All("location")) > 0 || len(lvl.All("if")) > 0 || len(lvl.All("limit_except")) > 0:
		return refuse(pos, hint, "the location has blocks of its own")
	case !setsHost(lvl):
		return refuse(pos, "add \"proxy_set_header Host $host;\" to the location", "the location does not set Host, so the app is sent the literal address")
	}
	if cache := lvl.Effective("proxy_cache"); cache != nil && cache[0].Arg(0) != "off" {
		return refuse(cache[0].Pos(), hint, "cached responses are stored under the literal address")
	}
	if n := p.mention("proxy_host", "proxy_port"); n != nil {
		return refuse(n.Pos(), hint, "%q uses the literal address", n.Name())
	}
	p.redirect(r, lvl)
	return nil
}

func setsHost(lvl *Node) bool {
	for _, l := range lvl.Effective("proxy_set_header") {
		if strings.EqualFold(l.Arg(0), "Host") && l.Arg(1) != "" {
			return true
		}
	}
	return false
}

// redirect writes out the default of proxy_redirect, which nginx derives from
// the text of proxy_pass.
func (p *planner) redirect(r route, lvl *Node) {
	old := r.pass.Arg(0) + "/ /"
	lines := lvl.Effective("proxy_redirect")
	if lines == nil {
		p.wishes.insertAfter(r.pass, "Location headers are rewritten as before", "proxy_redirect "+old+";")
		return
	}
	for _, l := range lines {
		if l.Arg(0) == "default" {
			p.wishes.replaceWholeArg(l, 0, old, "Location headers are rewritten as before")
		}
	}
}

// mention returns the first directive in http that uses one of the variables.
func (p *planner) mention(variables ...string) *Node {
	var found *Node
	p.c.root.walk(func(n *Node) {
		if found != nil || side(n) != "http" {
			return
		}
		text := strings.Join(n.dir.Args, " ") + string(n.dir.Lua())
		for _, v := range variables {
			if strings.Contains(text, v) {
				found = n
			}
		}
	})
	return found
}
