package plan

import (
	"edgeman/nginxconf/internal/config"
	"edgeman/nginxconf/internal/route"
)

// sslName keeps the name that TLS to the app is checked against.
func (p *planner) sslName(h *config.Node, module string, r route.Route) error {
	if r.Addr.Scheme != "https" && r.Addr.Scheme != "grpcs" {
		return nil
	}
	name := module + "_ssl_name"
	if h.Effective(name) != nil {
		return nil
	}
	if err := p.mustBePure(h, module, r); err != nil {
		return err
	}
	if heirs := p.inheritingElsewhere(h, module, name); len(heirs) > 0 {
		return config.Refuse(heirs[0].Pos(), ownUpstreamHint, "an inner location would inherit %s", name)
	}
	p.insertAtPass(h, r, "the name in TLS stays", name+" "+r.Addr.Host+";")
	return nil
}
