package nginxconf

import (
	"slices"
	"strings"

	"edgeman/nginxconf/internal/variables"
)

// Unlike returns a proxy_pass that would send other headers in then than it does
// in c, as then has it, or nil. Both are readings of one configuration, with the
// same passes; where they lead to is not compared.
func (c *Config) Unlike(then *Config) *Node {
	if len(c.Passes()) != len(then.Passes()) {
		return nil
	}
	for i, pass := range c.Passes() {
		other := then.Passes()[i]
		if pass.Name() != "proxy_pass" || other.Name() != "proxy_pass" {
			continue
		}
		was, known := c.sent(pass)
		is, knownToo := then.sent(other)
		if known && knownToo && !slices.Equal(was, is) {
			return other
		}
	}
	return nil
}

// sent are the headers that a proxy_pass adds or replaces, each as "name: value",
// sorted. It is not known where the Host depends on the request.
func (c *Config) sent(pass *Node) (headers []string, known bool) {
	host, port, known := c.proxied(pass)
	named := false
	for _, l := range pass.Parent().Effective("proxy_set_header") {
		value, _ := variables.Substitute(l.Arg(1), "proxy_host", host)
		value, _ = variables.Substitute(value, "proxy_port", port)
		named = named || strings.EqualFold(l.Arg(0), "Host")
		if value != "" {
			headers = append(headers, strings.ToLower(l.Arg(0))+": "+value)
		}
	}
	if !named {
		headers = append(headers, "host: "+host)
	}
	slices.Sort(headers)
	return headers, known
}

// proxied are $proxy_host and $proxy_port, where a pass has one value of them.
func (c *Config) proxied(pass *Node) (host, port string, known bool) {
	for i, r := range c.finder.Routes(pass) {
		name := r.ProxyHost()
		if r.Opaque != nil || i > 0 && (name != host || r.Port() != port) && r.Upstream == nil {
			return "", "", false
		}
		host, port = name, r.Port()
	}
	return host, port, host != ""
}
