package plan

import (
	"strings"

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

// plainTLS refuses TLS to an address in modules where the name that is checked
// comes from that address and the edit replaces it in place.
func plainTLS(r route.Route) error {
	tls := r.Addr.Scheme == "suwsgi"
	name := config.Module(r.Pass) + "_ssl_name"
	if config.Side(r.Pass) == "stream" {
		tls = strings.EqualFold(r.Pass.Parent().Setting("proxy_ssl"), "on")
	}
	if tls && r.Pass.Parent().Effective(name) == nil {
		return config.Refuse(r.Pass.Pos(), "set "+name, "%q uses TLS, and the name it asks for comes from the address", r.Pass)
	}
	return nil
}
