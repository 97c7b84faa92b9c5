package nginxconf

import (
	"slices"
	"strings"
)

const ownUpstreamHint = "name an upstream in the site by hand, use it in the pass directive, and adopt again"

// mustBePure refuses when passes to other addresses share the home, so that a
// line added there would change them too.
func (p *planner) mustBePure(h *Node, module string, r route) error {
	if p.allRenamed(h, module, p.hosts[h]) {
		return nil
	}
	return refuse(r.pass.Pos(), ownUpstreamHint, "the blocks of %s send requests to several addresses", h.Path())
}

const keepsHeaders = "the headers stay: a level with one of its own inherits none"

// headers keeps the Host header. The list of headers is all or nothing: a
// level that sets one header inherits none.
func (p *planner) headers(h *Node, module string, r route) error {
	name := module + "_set_header"
	lines := h.Effective(name)
	host, mentioned, empty := headerNeeds(lines)
	if empty != nil && p.o.NginxVersion.atLeast(hostRuleSince) {
		return refuse(empty.Pos(), ownUpstreamHint, "%q means the default Host on newer versions of nginx", empty)
	}
	known := r
	if module != "proxy" {
		known, mentioned = route{}, false // $proxy_host is empty there
	}
	if host && !mentioned || p.inheritsHeaders(h, name) {
		return nil
	}
	if err := p.mustBePure(h, module, r); err != nil {
		if !host {
			err = refuse(r.pass.Pos(), "set the Host header there ("+name+" Host $host;), or "+ownUpstreamHint,
				"the blocks of %s send requests to several addresses, each of which is the Host header of its requests", h.Path())
		}
		return err
	}
	if err := p.shieldHeirs(h, module, name, lines); err != nil {
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

// writeHeaders gives a home the list of headers that it has from outside, with the
// lines in add, or changes its own.
func (p *planner) writeHeaders(h *Node, r, known route, lines []*Node, add []string) {
	first := len(add) > 1 // HTTP/2 wants :authority before all headers
	own := lines != nil && lines[0].parent == h
	switch inherited := copyLines(lines, known); {
	case !own && first:
		p.insertAtPass(h, r, keepsHeaders, append(add, inherited...)...)
	case !own:
		p.insertAtPass(h, r, keepsHeaders, append(inherited, add...)...)
	case first:
		p.pending.insertFirst(h, "the Host header stays", add...)
	case add != nil:
		p.insertLast(h, lines[len(lines)-1], "the Host header stays", add...)
	}
	if own {
		p.substituteIn(lines, known)
	}
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

func headerNeeds(lines []*Node) (host, mentioned bool, empty *Node) {
	for _, l := range lines {
		if strings.EqualFold(l.Arg(0), "Host") {
			host = true
			if l.Arg(1) == "" {
				empty = l
			}
		}
		mentioned = mentioned || usesHost(l)
	}
	return host, mentioned, empty
}

// usesHost reports whether a directive uses what nginx took from the literal.
func usesHost(n *Node) bool {
	for i, a := range n.Args() {
		if (mentions(a, "proxy_host") || mentions(a, "proxy_port")) && !isPattern(n, i) {
			return true
		}
	}
	return false
}

// isPattern reports whether an argument is a regular expression, into which
// nginx fills no variables.
func isPattern(n *Node, arg int) bool {
	return arg == 0 && strings.HasPrefix(n.Arg(0), "~") &&
		slices.Contains([]string{"proxy_redirect", "proxy_cookie_domain", "proxy_cookie_path", "proxy_cookie_flags"}, n.Name())
}

// luaUsesHost reports the same of Lua code.
func luaUsesHost(n *Node) bool {
	code := luaCode(n)
	return strings.Contains(code, "proxy_host") || strings.Contains(code, "proxy_port")
}

// inheritsHeaders reports whether h gets its headers from a level to which the
// plan has already added what h needs.
func (p *planner) inheritsHeaders(h *Node, name string) bool {
	for n := h; n != nil; n = n.parent {
		if host, ok := p.headersAt[n]; ok && n != h {
			return host == p.hosts[h]
		}
		if len(n.All(name)) > 0 {
			return false
		}
	}
	return false
}

// shieldHeirs gives the inner locations that go elsewhere the list they had. One
// line is enough to inherit none: a Keep-Alive is never sent, whatever the version.
func (p *planner) shieldHeirs(h *Node, module, name string, lines []*Node) error {
	for _, heir := range p.foreignHeirs(h, module, name) {
		passes := p.c.passesAt(heir, module)
		if p.hosts[heir] != "" {
			if err := p.mustBePure(heir, module, route{pass: passes[0]}); err != nil {
				return err
			}
			continue // gets a list of its own for its own spelling
		}
		text := copyLines(lines, route{})
		if len(text) == 0 {
			text = []string{name + ` Keep-Alive "";`}
		}
		p.headersAt[heir] = "" // what is inside may be the app's again
		p.insertAtPass(heir, route{pass: passes[0]}, "an inner location keeps its own Host", text...)
	}
	return nil
}

// copyLines returns directives as text, with $proxy_host and $proxy_port
// replaced if r has an address.
func copyLines(lines []*Node, r route) []string {
	var out []string
	for _, l := range lines {
		s := l.Name()
		for i := range l.Args() {
			text := raw(l, i)
			if !isPattern(l, i) {
				text = substituteHost(text, r)
			}
			s += " " + text
		}
		out = append(out, s+";")
	}
	return out
}

func substituteHost(text string, r route) string {
	if r.addr.host == "" {
		return text
	}
	text, _ = substitute(text, "proxy_host", r.hostHeader())
	text, _ = substitute(text, "proxy_port", r.port())
	return text
}

// substituteIn replaces $proxy_host and $proxy_port in directives in place.
func (p *planner) substituteIn(lines []*Node, r route) {
	for _, l := range lines {
		for i := range l.Args() {
			start, end := l.dir.Arg(i).Inner()
			old := string(l.dir.File.Src[start:end])
			if text := substituteHost(old, r); text != old && !isPattern(l, i) {
				p.pending.replaceWholeArg(l, i, text, "$proxy_host stays what it was")
			}
		}
	}
}

// otherMentions handles $proxy_host and $proxy_port outside the lists that
// have rules of their own.
func (p *planner) otherMentions(h *Node, module string, r route) error {
	if module != "proxy" {
		return nil
	}
	server := h.Within("server")
	for _, n := range p.c.hostUsers {
		if s := n.Within("server"); side(n) != "http" || s != nil && s != server {
			continue
		}
		if err := p.otherMention(h, n, module, r); err != nil {
			return err
		}
	}
	return nil
}

func (p *planner) otherMention(h, n *Node, module string, r route) error {
	if luaUsesHost(n) {
		return refuse(n.Pos(), ownUpstreamHint, "the Lua code uses the literal address")
	}
	if slices.Contains([]string{"proxy_set_header", "proxy_redirect", "proxy_cache_key"}, n.Name()) {
		return nil
	}
	if n.Name() == "log_format" {
		p.note(n.Pos(), "the log shows the new upstream's name in place of %s", r.hostHeader())
		return nil
	}
	whileProxying := strings.HasPrefix(n.Name(), "proxy_") && moduleOf(n) == "" // else the variable can be empty: in a redirect, say
	at := n.parent
	for at != h && (at.Name() == "if" || at.Name() == "limit_except") {
		at = at.parent
	}
	if at == h && whileProxying && p.allRenamed(h, module, p.hosts[h]) && len(p.foreignHeirs(h, module, n.Name())) == 0 {
		p.substituteIn([]*Node{n}, r)
		return nil
	}
	if at.Name() == "location" && at.Within("location") != h && !within(h, at) {
		return nil // another location: evaluated for another pass
	}
	return refuse(n.Pos(), ownUpstreamHint, "%q uses the literal address, for this site or others", n.Name())
}

// within reports whether n is inside the block b.
func within(n, b *Node) bool {
	for ; n != nil; n = n.parent {
		if n == b {
			return true
		}
	}
	return false
}

// sslName keeps the name that TLS to the app is checked against.
func (p *planner) sslName(h *Node, module string, r route) error {
	if r.addr.scheme != "https" && r.addr.scheme != "grpcs" {
		return nil
	}
	name := module + "_ssl_name"
	if h.Effective(name) != nil {
		return nil
	}
	if err := p.mustBePure(h, module, r); err != nil {
		return err
	}
	if heirs := p.foreignHeirs(h, module, name); len(heirs) > 0 {
		return refuse(heirs[0].Pos(), ownUpstreamHint, "an inner location would inherit %s", name)
	}
	p.insertAtPass(h, r, "the name in TLS stays", name+" "+r.addr.host+";")
	return nil
}

// insertAtPass adds lines to a home: after its own pass, else at its end.
func (p *planner) insertAtPass(h *Node, r route, why string, lines ...string) {
	if r.pass.parent == h {
		p.pending.insertAfter(r.pass, why, lines...)
		return
	}
	p.pending.insertLast(h, why, lines...)
}

// insertLast adds lines after a directive of h, or at the end of h when the
// directive comes from another file.
func (p *planner) insertLast(h, after *Node, why string, lines ...string) {
	if after.dir.File == h.dir.File {
		p.pending.insertAfter(after, why, lines...)
		return
	}
	p.pending.insertLast(h, why, lines...)
}
