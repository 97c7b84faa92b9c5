package nginxconf

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// literals edits the passes that spell the address themselves, or in a value
// that only they use.
func (p *planner) literals(routes []route) error {
	var rest []route
	for _, r := range routes {
		switch {
		case r.at != nil && p.onlyFor(r):
			r.own = nil
		case r.own == nil && r.at == nil:
			return refuse(r.pass.Pos(), "write host and port together into each value of the variable, and nothing but that variable where they stand in "+r.pass.Name(),
				"the address of %q is put together from several values", r.pass)
		case r.own == nil:
			return refuse(r.at.Pos(), "write the address or an upstream's name into "+r.pass.Name(),
				"%q, the address of %q, is used elsewhere too", r.at, r.pass)
		}
		p.onePeer(r, r.pass)
		if err := plainTLS(r); err != nil {
			return err
		}
		switch {
		case r.class == ClassA:
			p.respell(r, "unix:"+p.o.Socket, "the address becomes the app's socket")
		case r.class == ClassB && p.sameName(r):
		default:
			rest = append(rest, r)
		}
	}
	return p.rename(rest)
}

// respell replaces a literal where it is written, or the part of the pass that
// it comes from.
func (p *planner) respell(r route, name, why string) {
	if r.own != nil {
		p.pending.replaceArg(r.pass, 0, r.own.from, r.own.to, r.own.before+name+r.own.after, why)
		return
	}
	p.pending.replaceArg(r.at, r.arg, r.addr.start, r.addr.end, name, why)
}

// lastVariable reports whether the edit of a proxy_pass would take the last
// variable out of it. Without any, nginx would treat its URI and redirects in
// another way.
func lastVariable(r route) bool {
	return r.own != nil && !r.own.variables && moduleOf(r.pass) == "proxy"
}

// plainTLS refuses TLS to an address in modules where the name that is checked
// comes from that address and the edit replaces it in place.
func plainTLS(r route) error {
	tls := r.addr.scheme == "suwsgi"
	name := moduleOf(r.pass) + "_ssl_name"
	if side(r.pass) == "stream" {
		lines := r.pass.parent.Effective("proxy_ssl")
		tls = lines != nil && strings.EqualFold(lines[0].Arg(0), "on")
	}
	if tls && r.pass.parent.Effective(name) == nil {
		return refuse(r.pass.Pos(), "set "+name, "%q uses TLS, and the name it asks for comes from the address", r.pass)
	}
	return nil
}

// nameIsFree reports whether an upstream of the name that a pass spells would
// catch requests for this address only, and whether nginx would accept it: it
// rejects the name of an upstream with a port anywhere in http.
func (p *planner) nameIsFree(r route) bool {
	if strings.HasPrefix(r.addr.host, "[") {
		return false
	}
	for _, pass := range p.c.passes {
		if side(pass) != "http" {
			continue
		}
		for _, other := range p.c.routes(pass) {
			if other.opaque != nil && other.upstream == nil || other.variable {
				return false
			}
			if other.server != nil || !strings.EqualFold(other.addr.host, r.addr.host) {
				continue
			}
			if other.addr.port != "" || p.c.placeOf(other) != p.c.placeOf(r) || moduleOf(pass) != moduleOf(r.pass) {
				return false
			}
		}
	}
	return true
}

// sameName is class B: an upstream is added, the pass stays. It reports whether
// that can be done.
func (p *planner) sameName(r route) bool {
	name := strings.ToLower(r.addr.host)
	free, known := p.named[name]
	if known {
		return free
	}
	p.named[name] = p.nameIsFree(r)
	if p.named[name] {
		p.addUpstream(r, r.addr.host, false)
	}
	return p.named[name]
}

// addUpstream puts a new upstream before the server that holds the pass, and on
// request a variable that is its name.
func (p *planner) addUpstream(r route, name string, variable bool) {
	lines := []string{"upstream " + name + " {", "    server unix:" + p.o.Socket + ";"}
	if p.o.NginxVersion.atLeast(keepaliveDefaultSince) {
		lines = append(lines, "    keepalive 0;")
	}
	lines = append(lines, "}")
	if variable {
		lines = append(lines, `map "" $`+variableOf(name)+" {", "    default "+name+";", "}")
	}
	p.pending.insertBefore(r.pass.Within("server"), "http", "the address becomes the app's socket", lines...)
}

// variableOf names the variable that is the name of an upstream.
func variableOf(name string) string { return strings.ReplaceAll(name, "-", "_") }

// oneHost reports whether a pass spells the address as r does whatever values
// its variables have.
func (p *planner) oneHost(r route) bool {
	return !slices.ContainsFunc(p.c.routes(r.pass), func(o route) bool {
		return o.upstream != nil || o.scheme != r.scheme || o.hostHeader() != r.hostHeader()
	})
}

// stillResolved refuses to take away a host name that nginx resolves at start
// while a pass with variables may count on that at run time.
func (p *planner) stillResolved(r route) error {
	if _, err := netip.ParseAddr(strings.Trim(r.addr.host, "[]")); err == nil {
		return nil
	}
	for _, pass := range p.c.passes {
		if side(pass) != "http" || p.ours[pass] || pass.Effective("resolver") != nil {
			continue
		}
		for _, o := range p.c.routes(pass) {
			if o.opaque != nil && !o.unresolved && strings.Contains(pass.Arg(0), "$") || o.variable && (o.server != nil || strings.EqualFold(o.text(), r.text())) {
				return refuse(pass.Pos(), "give that server a resolver", "%q may need %s, which nginx would no longer resolve", pass, r.addr.host)
			}
		}
	}
	return nil
}

func depth(n *Node) int {
	d := 0
	for ; n != nil; n = n.parent {
		d++
	}
	return d
}

// hostHeader is what nginx puts into $proxy_host and the default Host header:
// the host, and the port unless it is the scheme's own.
func (r route) hostHeader() string {
	if r.addr.port == "" || r.addr.port == r.fallback {
		return r.addr.host
	}
	return r.addr.host + ":" + r.addr.port
}

// proxyHost is $proxy_host: an upstream's name, as the pass spells it if it does
// (ngx_http_proxy_set_vars), or the host and port of a literal.
func (r route) proxyHost() string {
	if r.upstream == nil {
		return r.hostHeader()
	}
	if a, ok := parsePass(r.pass.Arg(0)); ok {
		return a.host
	}
	return r.upstream.Arg(0)
}

func (r route) port() string {
	if r.addr.port == "" {
		return r.fallback
	}
	return r.addr.port
}

// upstreamName finds a name that nothing in the configuration uses. It has no
// underscore: some servers reject that in a Host header.
func (p *planner) upstreamName() string {
	name := "edgeman-" + p.o.App
	for i := 2; p.taken(name); i++ {
		name = "edgeman-" + p.o.App + "-" + strconv.Itoa(i)
	}
	return name
}

func (p *planner) taken(name string) bool {
	if p.c.upstream("http", name) != nil || p.c.defines(variableOf(name)) {
		return true
	}
	for _, pass := range p.c.passes {
		if a, ok := parsePass(pass.Arg(0)); ok && strings.EqualFold(a.host, name) {
			return true
		}
	}
	return false
}
