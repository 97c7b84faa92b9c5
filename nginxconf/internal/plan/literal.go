package plan

import (
	"net/netip"
	"slices"
	"strings"

	"edgeman/nginxconf/internal/config"
	"edgeman/nginxconf/internal/route"
	"edgeman/nginxconf/internal/variables"
)

// literals edits the passes that spell the address themselves, or in a value
// that only they use.
func (p *planner) literals(routes []route.Route) error {
	var rest []route.Route
	for _, r := range routes {
		switch {
		case r.At != nil && p.onlyFor(r):
			r.Own = nil
		case r.Own == nil && r.At == nil:
			return config.Refuse(r.Pass.Pos(), "write host and port together into each value of the variable, and nothing but that variable where they stand in "+r.Pass.Name(),
				"the address of %q is put together from several values", r.Pass)
		case r.Own == nil:
			return config.Refuse(r.At.Pos(), "write the address or an upstream's name into "+r.Pass.Name(),
				"%q, the address of %q, is used elsewhere too", r.At, r.Pass)
		}
		p.onePeer(r, r.Pass)
		if err := plainTLS(r); err != nil {
			return err
		}
		switch {
		case r.Class == route.ClassA:
			p.respell(r, "unix:"+p.o.Socket, "the address becomes the app's socket")
		case r.Class == route.ClassB && p.sameName(r):
		default:
			rest = append(rest, r)
		}
	}
	return p.rename(rest)
}

// respell replaces a literal where it is written, or the part of the pass that
// it comes from.
func (p *planner) respell(r route.Route, name, why string) {
	if r.Own != nil {
		p.pending.ReplaceArg(r.Pass, 0, r.Own.From, r.Own.To, r.Own.Before+name+r.Own.After, why)
		return
	}
	p.pending.ReplaceArg(r.At, r.Arg, r.Addr.Start, r.Addr.End, name, why)
}

// lastVariable reports whether the edit of a proxy_pass would take the last
// variable out of it. Without any, nginx would treat its URI and redirects in
// another way.
func lastVariable(r route.Route) bool {
	return r.Own != nil && !r.Own.Variables && config.Module(r.Pass) == "proxy"
}

// onlyFor reports whether the value that holds a route's address is used by
// passes of the plan, as their address, and by nothing else.
func (p *planner) onlyFor(r route.Route) bool {
	if r.At == r.Pass {
		return true
	}
	return !slices.ContainsFunc(p.c.Readers(r.At, r.Pass), func(read variables.Reader) bool {
		address := p.ours[read.Node] && slices.ContainsFunc(p.c.Routes(read.Node), func(o route.Route) bool { return o.At == r.At })
		return !address || read.Times > 1
	})
}

// variableOf names the variable that is the name of an upstream.
func variableOf(name string) string { return strings.ReplaceAll(name, "-", "_") }

// oneHost reports whether a pass spells the address as r does whatever values
// its variables have.
func (p *planner) oneHost(r route.Route) bool {
	return !slices.ContainsFunc(p.c.Routes(r.Pass), func(o route.Route) bool {
		return o.Upstream != nil || o.Scheme != r.Scheme || o.HostHeader() != r.HostHeader()
	})
}

// stillResolved refuses to take away a host name that nginx resolves at start
// while a pass with variables may count on that at run time.
func (p *planner) stillResolved(r route.Route) error {
	if _, err := netip.ParseAddr(strings.Trim(r.Addr.Host, "[]")); err == nil {
		return nil
	}
	for _, pass := range p.c.Passes() {
		if config.Side(pass) != "http" || p.ours[pass] || pass.Effective("resolver") != nil {
			continue
		}
		for _, o := range p.c.Routes(pass) {
			if o.Opaque != nil && !o.Unresolved && strings.Contains(pass.Arg(0), "$") || o.Variable && (o.Server != nil || strings.EqualFold(o.Text(), r.Text())) {
				return config.Refuse(pass.Pos(), "give that server a resolver", "%q may need %s, which nginx would no longer resolve", pass, r.Addr.Host)
			}
		}
	}
	return nil
}

func depth(n *config.Node) int {
	d := 0
	for ; n != nil; n = n.Parent() {
		d++
	}
	return d
}

// rename is class C: the literal becomes the name of a new upstream, and what
// nginx derived from the old text is written out.
func (p *planner) rename(routes []route.Route) error {
	if len(routes) == 0 {
		return nil
	}
	name := p.upstreamName()
	p.addUpstream(routes[0], name, slices.ContainsFunc(routes, lastVariable))
	// outer blocks first, so that an inner one sees what it will inherit
	slices.SortStableFunc(routes, func(a, b route.Route) int { return depth(a.Pass) - depth(b.Pass) })
	for _, r := range routes {
		h := config.DefiningBlock(r.Pass)
		if other, ok := p.hosts[h]; ok && other != r.HostHeader() {
			return config.Refuse(r.Pass.Pos(), "", "one location uses two spellings of the address, %s and %s", other, r.HostHeader())
		}
		p.hosts[h] = r.HostHeader()
		p.renamed[r.Pass] = ""
		if p.oneHost(r) {
			p.renamed[r.Pass] = r.HostHeader()
		}
	}
	resolved := map[string]bool{}
	for _, r := range routes {
		if !resolved[r.Addr.Host] {
			resolved[r.Addr.Host] = true
			if err := p.stillResolved(r); err != nil {
				return err
			}
		}
		if lastVariable(r) {
			p.respell(r, "$"+variableOf(name), "the address becomes the upstream")
		} else {
			p.respell(r, name, "the address becomes the upstream")
		}
	}
	return p.compensateAll(routes)
}
