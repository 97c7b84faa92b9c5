package plan

import (
	"slices"
	"strings"

	"edgeman/nginxconf/internal/config"
	"edgeman/nginxconf/internal/edit"
	"edgeman/nginxconf/internal/route"
	"edgeman/nginxconf/internal/variables"
)

// redirect writes out the default of proxy_redirect, which nginx derives from
// the text of proxy_pass: that text becomes the location's name, or "/" when
// there is no URI part. With variables there is no default.
func (p *planner) redirect(h *config.Node, module string, r route.Route) error {
	own := h.All("proxy_redirect")
	if len(own) > 0 {
		return p.ownRedirect(h, module, own, r)
	}
	for n := h.Parent(); n != nil; n = n.Parent() {
		if lines := n.All("proxy_redirect"); len(lines) > 0 {
			return p.inheritedRedirect(h, module, lines, r)
		}
		if ownLiteralPass(n) != nil {
			return nil // the outer location's default is inherited
		}
	}
	pass := ownLiteralPass(h)
	if pass != nil && pass != r.Pass || r.Variable {
		return nil // no default, or the one of the location's own pass
	}
	if pass == nil {
		for _, other := range p.c.PassesAt(h, module) {
			if strings.Contains(other.Arg(0), "$") {
				return config.Refuse(other.Pos(), "set proxy_redirect there", "%q has no default of proxy_redirect, and %q has one", other, r.Pass)
			}
		}
		if err := p.mustBePure(h, module, r); err != nil {
			return err
		}
		if heirs := p.c.Inheriting(h, module, "proxy_redirect"); len(heirs) > 0 {
			return config.Refuse(heirs[0].Pos(), ownUpstreamHint, "an inner location would inherit proxy_redirect")
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
func ownLiteralPass(n *config.Node) *config.Node {
	if pass := n.Last("proxy_pass"); pass != nil && !strings.Contains(pass.Arg(0), "$") {
		return pass
	}
	return nil
}

func (p *planner) ownRedirect(h *config.Node, module string, own []*config.Node, r route.Route) error {
	for _, l := range own {
		if l.Arg(0) == "default" && r.Pass.Parent() == h {
			text, err := defaultRedirect(h, r)
			if err != nil {
				return err
			}
			p.pending.ReplaceToken(l, 0, text, "Location headers are rewritten as before")
		}
		if variables.UsesHost(l) {
			if err := p.mustBePure(h, module, r); err != nil {
				return err
			}
			if len(p.inheritingElsewhere(h, module, "proxy_redirect")) > 0 {
				return config.Refuse(l.Pos(), ownUpstreamHint, "%q uses the literal address, for this location and others", l)
			}
			p.substituteIn([]*config.Node{l}, r)
		}
	}
	return nil
}

// inheritedRedirect copies an inherited list that uses $proxy_host.
func (p *planner) inheritedRedirect(h *config.Node, module string, lines []*config.Node, r route.Route) error {
	if !slices.ContainsFunc(lines, variables.UsesHost) {
		return nil
	}
	if err := p.mustBePure(h, module, r); err != nil {
		return err
	}
	foreign := p.inheritingElsewhere(h, module, "proxy_redirect")
	i := slices.IndexFunc(lines, func(l *config.Node) bool { return l.Arg(0) == "default" })
	if len(foreign) > 0 || i >= 0 {
		return config.Refuse(lines[0].Pos(), ownUpstreamHint, "%q uses the literal address, for this location and others", lines[0])
	}
	p.insertAtPass(h, r, "Location headers are rewritten as before", copyLines(lines, r)...)
	return nil
}

// defaultRedirect is the default in words.
func defaultRedirect(h *config.Node, r route.Route) (string, error) {
	from, to := r.Pass.Arg(0), "/"
	if r.Addr.URI == "" {
		from += "/"
	} else if to = locationName(h); to == "" {
		return "", config.Refuse(r.Pass.Pos(), ownUpstreamHint, "the name of the location is not understood")
	}
	a, ok := edit.Quote(from)
	b, ok2 := edit.Quote(to)
	if !ok || !ok2 {
		return "", config.Refuse(r.Pass.Pos(), ownUpstreamHint, "the default of proxy_redirect cannot be written out")
	}
	return a + " " + b, nil
}

// locationName returns the prefix of a plain location, "" for a regular
// expression, a named location or anything else.
func locationName(n *config.Node) string {
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
