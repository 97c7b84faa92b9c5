package plan

import (
	"slices"
	"strings"

	"edgeman/nginxconf/internal/config"
	"edgeman/nginxconf/internal/lex"
	"edgeman/nginxconf/internal/route"
	"edgeman/nginxconf/internal/variables"
)

// cacheKey keeps cached responses where they are stored: the default key
// begins with the literal address (ngx_http_proxy_create_key).
func (p *planner) cacheKey(h *config.Node, module string, r route.Route) error {
	cache := h.Setting("proxy_cache")
	if cache == "" || cache == "off" {
		return nil
	}
	key := h.Effective("proxy_cache_key")
	if key != nil && !slices.ContainsFunc(key, variables.UsesHost) {
		return nil
	}
	if err := p.mustBePure(h, module, r); err != nil {
		return err
	}
	const keeps = "cached responses are found under the old key"
	uri := ""
	if key == nil && len(p.c.Inheriting(h, module, "proxy_cache_key")) == 0 {
		uri = p.keyURI(h, module, r)
	}
	switch {
	case key != nil && len(p.inheritingElsewhere(h, module, "proxy_cache_key")) > 0:
		return config.Refuse(key[0].Pos(), ownUpstreamHint, "%q uses the literal address, for this location and others", key[0])
	case key != nil && key[0].Parent() == h:
		p.substituteIn(key, r)
	case key != nil:
		p.insertAtPass(h, r, keeps, copyLines(key, r)...)
	case uri != "":
		p.insertAtPass(h, r, keeps, "proxy_cache_key "+r.Addr.Scheme+"://"+r.HostHeader()+uri+";")
	case p.sharesCache(h, cache):
		return config.Refuse(r.Pass.Pos(), "spell the address alike everywhere, or set proxy_cache_key",
			"responses of %s and of another spelling of the address would get the same keys in one cache", p.hosts[h])
	default:
		p.note(h.Effective("proxy_cache")[0].Pos(), "%s: responses cached so far are not found again, because nginx stores them under the literal address", h.Path())
	}
	return nil
}

// sharesCache reports whether another spelling of the address uses the cache of h.
func (p *planner) sharesCache(h *config.Node, cache string) bool {
	for other, host := range p.hosts {
		if host != p.hosts[h] && other.Setting("proxy_cache") == cache {
			return true
		}
	}
	return false
}

// keyURI returns what the default cache key of a block ends with, in nginx's
// variables, "" when none of them say it.
func (p *planner) keyURI(h *config.Node, module string, r route.Route) string {
	if p.plainPasses(h, module, r.Addr.Scheme) && requestURIHolds(h) {
		return "$request_uri"
	}
	uri := r.Addr.URI
	odd := strings.ContainsFunc(strings.ReplaceAll(uri, "$", ""), lex.NeedsQuotes)
	if len(p.c.PassesAt(h, module)) > 1 || len(p.c.Routes(r.Pass)) > 1 || !r.Variable || odd || !strings.HasSuffix(r.Pass.Arg(0), uri) {
		return ""
	}
	if l, err := p.c.Language(r.Pass, uri); err != nil || !l.StartsIn("/") || l.Has("", "") {
		return ""
	}
	return uri // nginx takes it for the key as it is
}

// plainPasses reports whether all passes of a module at h are literals of that
// scheme without a URI part.
func (p *planner) plainPasses(h *config.Node, module, scheme string) bool {
	other := func(r route.Route) bool {
		return r.Opaque != nil || r.Server != nil || r.Scheme != scheme || r.Addr.URI != ""
	}
	return !slices.ContainsFunc(p.c.PassesAt(h, module), func(pass *config.Node) bool { return slices.ContainsFunc(p.c.Routes(pass), other) })
}

// requestURIHolds reports whether a request keeps the URI it came with until
// it is proxied from h: $request_uri is then what the default key ends with. An
// app can send a request on to another URI with X-Accel-Redirect.
func requestURIHolds(h *config.Node) bool {
	if locationName(h) == "" || h.Last("internal") != nil {
		return false
	}
	changes := func(n *config.Node) bool {
		switch n.Name() {
		case "rewrite", "try_files", "error_page", "index", "auth_request", "mirror", "slice", "ssi", "add_before_body", "add_after_body", "post_action":
			return true
		}
		if config.Module(n) != "" && !ignoresRedirect(n) || variables.Definition(n) == "args" {
			return true
		}
		return strings.Contains(n.Name(), "_by_lua") || strings.HasPrefix(n.Name(), "echo") || strings.HasPrefix(n.Name(), "js_")
	}
	holds := true
	server := h.Within("server")
	server.Walk(func(n *config.Node) { holds = holds && !changes(n) })
	for n := server.Parent(); n != nil; n = n.Parent() {
		holds = holds && !slices.ContainsFunc(n.Children(), changes)
	}
	return holds
}

// ignoresRedirect reports whether nginx does not obey X-Accel-Redirect in the
// responses to a pass.
func ignoresRedirect(pass *config.Node) bool {
	return slices.ContainsFunc(pass.Parent().Effective(config.Module(pass)+"_ignore_headers"), func(l *config.Node) bool {
		return slices.ContainsFunc(l.Args(), func(a string) bool { return strings.EqualFold(a, "X-Accel-Redirect") })
	})
}
