package nginxconf

import (
	"cmp"
	"net/textproto"
	"slices"
	"strconv"
	"strings"

	"edgeman/nginxconf/internal/lex"
	"edgeman/nginxconf/internal/route"
	"edgeman/nginxconf/internal/variables"
)

// reachedAs are the headers that tell an app under which name and scheme its
// site is reached. Others may hold secrets or belong to one client.
var reachedAs = []string{"Host", "Forwarded", "X-Scheme", "X-Url-Scheme", "X-Script-Name", "X-Original-Host", "Front-End-Https"}

// RequestHeaders are the headers that nginx sends the target for a client of the
// site, as far as the text tells: those that say under which name and scheme the
// site is reached, each "Name: value". Of several places that send requests there
// one behind TLS speaks for all, else the first.
func (t Target) RequestHeaders() []string {
	if t.Protocol != "http" && t.Protocol != "https" {
		return nil
	}
	var best *Use
	for i, u := range t.Uses {
		if u.route.Pass == nil || u.route.Opaque != nil || best != nil && (secure(best.route) || !secure(u.route)) {
			continue
		}
		best = &t.Uses[i]
	}
	if best == nil {
		return nil
	}
	return headers(best.route)
}

func headers(r route.Route) []string {
	var out []string
	named := false
	for _, line := range r.Pass.Parent().Effective("proxy_set_header") {
		name := textproto.CanonicalMIMEHeaderKey(line.Arg(0))
		isHost := name == "Host"
		named = named || isHost
		if !isHost && !slices.Contains(reachedAs, name) && !strings.HasPrefix(name, "X-Forwarded-") {
			continue
		}
		if value, ok := constant(r, line.Arg(1)); ok && value != "" {
			out = append(out, name+": "+value)
		}
	}
	if !named { // nginx's own default
		if host, ok := constant(r, "$proxy_host"); ok {
			out = append([]string{"Host: " + host}, out...)
		}
	}
	return out
}

// secure tells whether clients reach a pass over TLS.
func secure(r route.Route) bool {
	_, tls := r.Pass.Within("server").Listens()
	return tls
}

// constant fills in the variables whose values are the same for every client
// that reaches the site by its name.
func constant(r route.Route, text string) (string, bool) {
	server := r.Pass.Within("server")
	scheme := "http"
	if secure(r) {
		scheme = "https"
	}
	name, port := siteName(server), listenPort(server)
	asked := name // what stands in the client's Host
	if name != "" && port != route.DefaultPorts[scheme] {
		asked += ":" + port
	}
	known := map[string]string{
		"host": name, "http_host": asked, "server_name": name, "proxy_host": r.ProxyHost(),
		"scheme": scheme, "server_port": port,
	}
	if scheme == "https" {
		known["https"] = "on"
	}
	var out strings.Builder
	for part, name := range variables.Parts(text) {
		switch {
		case name == "":
			out.WriteString(part)
		case known[name] == "":
			return "", false
		default:
			out.WriteString(known[name])
		}
	}
	return out.String(), true
}

// SiteName is the first name that clients reach the target's site by, "" when
// the text has none.
func (t Target) SiteName() string {
	for _, u := range t.Uses {
		if u.route.Pass == nil {
			continue
		}
		if name := siteName(u.route.Pass.Within("server")); name != "" {
			return name
		}
	}
	return ""
}

// siteName is the first of a server's names that a client can ask for; a
// wildcard stands for the domain below it.
func siteName(server *Node) string {
	if server == nil {
		return ""
	}
	for _, line := range server.All("server_name") {
		for _, name := range line.Args() {
			name = strings.TrimPrefix(strings.TrimPrefix(name, "*"), ".")
			if name != "" && !strings.HasPrefix(name, "_") && !strings.ContainsAny(name, "~*$") && !strings.ContainsFunc(name, lex.OddInHost) {
				return strings.ToLower(name)
			}
		}
	}
	return ""
}

// listenPort is the port of the server's first listen line that names one,
// behind TLS if any is; 80 as nginx has it otherwise.
func listenPort(server *Node) string {
	port := ""
	for _, l := range server.All("listen") {
		p := l.Arg(0)
		if a, ok := route.ParseServer(p); ok && a.Unix == "" && a.Port != "" {
			p = a.Port
		}
		if _, err := strconv.ParseUint(p, 10, 16); err != nil {
			p = "80"
		}
		if slices.Contains(l.Args(), "ssl") {
			return p
		}
		port = cmp.Or(port, p)
	}
	return cmp.Or(port, "80")
}

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
		value := variables.Substitute(variables.Substitute(l.Arg(1), "proxy_host", host), "proxy_port", port)
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
