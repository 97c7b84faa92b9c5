package nginxconf

import (
	"slices"
	"strings"
)

// redirect writes out the default of proxy_redirect, which nginx derives from
// the text of proxy_pass: that text becomes the location's name, or "/" when
// there is no URI part. With variables there is no default.
func (p *planner) redirect(h *Node, module string, r route) error {
	own := h.All("proxy_redirect")
	if len(own) > 0 {
		return p.ownRedirect(h, module, own, r)
	}
	for n := h.parent; n != nil; n = n.parent {
		if lines := n.All("proxy_redirect"); len(lines) > 0 {
			return p.inheritedRedirect(h, module, lines, r)
		}
		if ownLiteralPass(n) != nil {
			return nil // the outer location's default is inherited
		}
	}
	pass := ownLiteralPass(h)
	if pass != nil && pass != r.pass || r.variable {
		return nil // no default, or the one of the location's own pass
	}
	if pass == nil {
		for _, other := range p.c.passesAt(h, module) {
			if strings.Contains(other.Arg(0), "$") {
				return refuse(other.Pos(), "set proxy_redirect there", "%q has no default of proxy_redirect, and %q has one", other, r.pass)
			}
		}
		if err := p.mustBePure(h, module, r); err != nil {
			return err
		}
		if heirs := p.c.heirs(h, module, "proxy_redirect"); len(heirs) > 0 {
			return refuse(heirs[0].Pos(), ownUpstreamHint, "an inner location would inherit proxy_redirect")
		}
	}
	text, err := defaultRedirect(h, r)
	if err != nil {
		return err
	}
	p.insertAtPass(h, r, "Location headers are rewritten as before", "proxy_redirect "+text+";")
	return nil
}

// ownLiteralPass returns the proxy_pass that stands in a block itself and from
// which nginx derives a default.
func ownLiteralPass(n *Node) *Node {
	if pass := n.Last("proxy_pass"); pass != nil && !strings.Contains(pass.Arg(0), "$") {
		return pass
	}
	return nil
}

func (p *planner) ownRedirect(h *Node, module string, own []*Node, r route) error {
	for _, l := range own {
		if l.Arg(0) == "default" && r.pass.parent == h {
			text, err := defaultRedirect(h, r)
			if err != nil {
				return err
			}
			p.pending.replaceToken(l, 0, text, "Location headers are rewritten as before")
		}
		if usesHost(l) {
			if err := p.mustBePure(h, module, r); err != nil {
				return err
			}
			if len(p.foreignHeirs(h, module, "proxy_redirect")) > 0 {
				return refuse(l.Pos(), ownUpstreamHint, "%q uses the literal address, for this location and others", l)
			}
			p.substituteIn([]*Node{l}, r)
		}
	}
	return nil
}

// inheritedRedirect copies an inherited list that uses $proxy_host.
func (p *planner) inheritedRedirect(h *Node, module string, lines []*Node, r route) error {
	if !slices.ContainsFunc(lines, usesHost) {
		return nil
	}
	if err := p.mustBePure(h, module, r); err != nil {
		return err
	}
	foreign := p.foreignHeirs(h, module, "proxy_redirect")
	i := slices.IndexFunc(lines, func(l *Node) bool { return l.Arg(0) == "default" })
	if len(foreign) > 0 || i >= 0 {
		return refuse(lines[0].Pos(), ownUpstreamHint, "%q uses the literal address, for this location and others", lines[0])
	}
	p.insertAtPass(h, r, "Location headers are rewritten as before", copyLines(lines, r)...)
	return nil
}

// defaultRedirect is the default in words.
func defaultRedirect(h *Node, r route) (string, error) {
	from, to := r.pass.Arg(0), "/"
	if r.addr.uri == "" {
		from += "/"
	} else if to = locationName(h); to == "" {
		return "", refuse(r.pass.Pos(), ownUpstreamHint, "the name of the location is not understood")
	}
	a, ok := quote(from)
	b, ok2 := quote(to)
	if !ok || !ok2 {
		return "", refuse(r.pass.Pos(), ownUpstreamHint, "the default of proxy_redirect cannot be written out")
	}
	return a + " " + b, nil
}

// locationName returns the prefix of a plain location, "" for a regular
// expression, a named location or anything else.
func locationName(n *Node) string {
	if n.Name() != "location" {
		return ""
	}
	name := n.Arg(0)
	if len(n.Args()) == 2 {
		if name != "=" && name != "^~" {
			return ""
		}
		return n.Arg(1)
	}
	for _, prefix := range []string{"^~", "="} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			return rest
		}
	}
	if strings.HasPrefix(name, "~") || strings.HasPrefix(name, "@") {
		return ""
	}
	return name
}

// cacheKey keeps cached responses where they are stored: the default key
// begins with the literal address.
func (p *planner) cacheKey(h *Node, module string, r route) error {
	cache := h.Effective("proxy_cache")
	if cache == nil || cache[0].Arg(0) == "off" {
		return nil
	}
	key := h.Effective("proxy_cache_key")
	if key != nil && !slices.ContainsFunc(key, usesHost) {
		return nil
	}
	if err := p.mustBePure(h, module, r); err != nil {
		return err
	}
	const keeps = "cached responses are found under the old key"
	uri := ""
	if key == nil && len(p.c.heirs(h, module, "proxy_cache_key")) == 0 {
		uri = p.keyURI(h, module, r)
	}
	switch {
	case key != nil && len(p.foreignHeirs(h, module, "proxy_cache_key")) > 0:
		return refuse(key[0].Pos(), ownUpstreamHint, "%q uses the literal address, for this location and others", key[0])
	case key != nil && key[0].parent == h:
		p.substituteIn(key, r)
	case key != nil:
		p.insertAtPass(h, r, keeps, copyLines(key, r)...)
	case uri != "":
		p.insertAtPass(h, r, keeps, "proxy_cache_key "+r.addr.scheme+"://"+r.hostHeader()+uri+";")
	case p.sharesCache(h, cache[0].Arg(0)):
		return refuse(r.pass.Pos(), "spell the address alike everywhere, or set proxy_cache_key",
			"responses of %s and of another spelling of the address would get the same keys in one cache", p.hosts[h])
	default:
		p.note(cache[0].Pos(), "%s: responses cached so far are not found again, because nginx stores them under the literal address", h.Path())
	}
	return nil
}

// sharesCache reports whether another spelling of the address uses the cache of h.
func (p *planner) sharesCache(h *Node, cache string) bool {
	for other, host := range p.hosts {
		if lines := other.Effective("proxy_cache"); host != p.hosts[h] && lines != nil && lines[0].Arg(0) == cache {
			return true
		}
	}
	return false
}

// keyURI returns what the default cache key of a home ends with, in nginx's
// variables, "" when none of them say it.
func (p *planner) keyURI(h *Node, module string, r route) string {
	if p.plainPasses(h, module, r.addr.scheme) && requestURIHolds(h) {
		return "$request_uri"
	}
	uri := r.addr.uri
	odd := strings.ContainsFunc(strings.ReplaceAll(uri, "$", ""), oddInArgument)
	if len(p.c.passesAt(h, module)) > 1 || len(p.c.routes(r.pass)) > 1 || !r.variable || odd || !strings.HasSuffix(r.pass.Arg(0), uri) {
		return ""
	}
	if l, err := p.c.Language(r.pass, uri); err != nil || !l.StartsIn("/") || l.Has("", "") {
		return ""
	}
	return uri // nginx takes it for the key as it is
}

// plainPasses reports whether all passes of a module at h are literals of that
// scheme without a URI part.
func (p *planner) plainPasses(h *Node, module, scheme string) bool {
	for _, pass := range p.c.passesAt(h, module) {
		for _, r := range p.c.routes(pass) {
			if r.opaque != nil || r.server != nil || r.scheme != scheme || r.addr.uri != "" {
				return false
			}
		}
	}
	return true
}

// requestURIHolds reports whether a request keeps the URI it came with until
// it is proxied from h: $request_uri is then what the default key ends with. An
// app can send a request on to another URI with X-Accel-Redirect.
func requestURIHolds(h *Node) bool {
	if locationName(h) == "" || h.Last("internal") != nil {
		return false
	}
	changes := func(n *Node) bool {
		switch n.Name() {
		case "rewrite", "try_files", "error_page", "index", "auth_request", "mirror", "slice", "ssi", "add_before_body", "add_after_body", "post_action":
			return true
		}
		if moduleOf(n) != "" && !ignoresRedirect(n) || definition(n) == "args" {
			return true
		}
		return strings.Contains(n.Name(), "_by_lua") || strings.HasPrefix(n.Name(), "echo") || strings.HasPrefix(n.Name(), "js_")
	}
	holds := true
	server := h.Within("server")
	server.walk(func(n *Node) { holds = holds && !changes(n) })
	for n := server.parent; n != nil; n = n.parent {
		holds = holds && !slices.ContainsFunc(n.children, changes)
	}
	return holds
}

// ignoresRedirect reports whether nginx does not obey X-Accel-Redirect in the
// responses to a pass.
func ignoresRedirect(pass *Node) bool {
	for _, l := range pass.parent.Effective(moduleOf(pass) + "_ignore_headers") {
		if slices.ContainsFunc(l.Args(), func(a string) bool { return strings.EqualFold(a, "X-Accel-Redirect") }) {
			return true
		}
	}
	return false
}
