package nginxconf

import (
	"slices"
	"strconv"
	"strings"
)

// literals edits the passes that spell the address themselves, or in a value
// that only they use.
func (p *planner) literals(routes []route) error {
	var rest []route
	for _, r := range routes {
		if r.at == nil || !p.onlyFor(r) {
			return refuse(r.pass.Pos(), "write the address or an upstream's name into "+r.pass.Name(),
				"the address of %q is put together from values that are used elsewhere too", r.pass)
		}
		p.onePeer(r, r.at)
		switch {
		case r.class == ClassA:
			p.wishes.replaceArg(r.at, r.arg, r.addr.start, r.addr.end, "unix:"+p.o.Socket, "the address becomes the app's socket")
		case r.class == ClassB && p.nameIsFree(r):
			p.sameName(r)
		default:
			rest = append(rest, r)
		}
	}
	return p.rename(rest)
}

// nameIsFree reports whether an upstream of the name that a pass spells would
// catch requests for this address only, and whether nginx would accept it: it
// rejects the name of an upstream with a port anywhere in http.
func (p *planner) nameIsFree(r route) bool {
	for _, pass := range p.c.index.passes {
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
			if other.addr.port != "" || other.key() != r.key() || modules[pass.Name()] != modules[r.pass.Name()] {
				return false
			}
		}
	}
	return true
}

// sameName is class B: an upstream is added, the pass stays.
func (p *planner) sameName(r route) {
	name := strings.ToLower(r.addr.host)
	if slices.Contains(p.named, name) {
		return
	}
	p.named = append(p.named, name)
	p.addUpstream(r, r.addr.host)
}

// addUpstream puts a new upstream before the server that holds the pass.
func (p *planner) addUpstream(r route, name string) {
	lines := []string{"upstream " + name + " {", "    server unix:" + p.o.Socket + ";"}
	if p.o.NginxVersion.atLeast(keepaliveDefaultSince) {
		lines = append(lines, "    keepalive 0;")
	}
	p.wishes.insertBefore(r.pass.Within("server"), "http", "the address becomes the app's socket", append(lines, "}")...)
}

// rename is class C: the literal becomes the name of a new upstream, and what
// nginx derived from the old text is written out.
func (p *planner) rename(routes []route) error {
	if len(routes) == 0 {
		return nil
	}
	name := p.upstreamName()
	p.addUpstream(routes[0], name)
	// outer homes first, so that an inner one sees what it will inherit
	slices.SortStableFunc(routes, func(a, b route) int { return depth(a.pass) - depth(b.pass) })
	for _, r := range routes {
		h := home(r.pass)
		if other, ok := p.hosts[h]; ok && other != r.hostHeader() {
			return refuse(r.pass.Pos(), "", "one location uses two spellings of the address, %s and %s", other, r.hostHeader())
		}
		p.hosts[h] = r.hostHeader()
	}
	done := map[*Node]bool{}
	for _, r := range routes {
		p.wishes.replaceArg(r.at, r.arg, r.addr.start, r.addr.end, name, "the address becomes the upstream")
		if h := home(r.pass); !done[h] {
			done[h] = true
			if err := p.compensate(h, r); err != nil {
				return err
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
	if p.c.index.upstreams["http/"+name] != nil {
		return true
	}
	for _, pass := range p.c.index.passes {
		if a, ok := parsePass(pass.Arg(0)); ok && strings.EqualFold(a.host, name) {
			return true
		}
	}
	return false
}
