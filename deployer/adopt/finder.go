package adopt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"edgeman/deployer/docker"
	"edgeman/deployer/docker/locate"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/nginxconf"
)

// finder finds what nginx's files lead to, each address once.
type finder struct {
	h     *Host
	known map[string]lookup
	ports []string // the only ones that are looked at for nginxconf
}

// place is a container's port and an address that leads to it.
type place struct {
	locate.Target
	at netip.AddrPort
}

// name is the same for every address that leads to one port of one container.
func (p place) name() string { return fmt.Sprintf("container %s port %d", p.Container.ID, p.Port) }

// lookup is what an address of nginx's files leads to.
type lookup struct {
	ats   []netip.AddrPort // the addresses that a name stands for
	found []place
	doubt *locate.Doubt // why nothing is found
	err   error
}

// placeOf is the line that names a target's address.
func placeOf(t nginxconf.Target) nginxconf.Pos {
	if u := t.Uses[0]; u.Server.Line != 0 {
		return u.Server
	}
	return t.Uses[0].Pos
}

// behind finds the one container behind all of a target's addresses, its port,
// and the addresses that lead there.
func (p *finder) behind(ctx context.Context, o Options, t nginxconf.Target) (docker.Container, uint16, []netip.AddrPort, error) {
	if o.Container != "" {
		return p.chosen(ctx, o, t)
	}
	var found []place
	for _, address := range t.Addresses(o.Everywhere) {
		more, err := p.one(ctx, t, address)
		if err != nil {
			return docker.Container{}, 0, nil, err
		}
		found = append(found, more...)
	}
	var ats []netip.AddrPort
	for _, f := range found {
		ats = append(ats, f.at)
	}
	return found[0].Container, cmp.Or(o.Port, found[0].Port), ats, nil
}

// one looks behind one address. It has to lead to one container, and to nothing
// else.
func (p *finder) one(ctx context.Context, t nginxconf.Target, address string) ([]place, error) {
	l := p.look(ctx, address)
	var refused *outcome.RefusedError
	switch {
	case errors.As(l.err, &refused):
		return nil, outcome.Refuse("%s: %s: %w", placeOf(t), address, refused.Err)
	case l.err != nil:
		return nil, l.err
	case len(l.ats) == 0:
		return nil, outcome.Refuse("%s: %s is not a host and port", placeOf(t), address)
	case len(l.found) == 0:
		return nil, hint.With(outcome.Refuse("%s: no running container serves %s: %s", placeOf(t), spelled(address, l.ats[0]), l.doubt.Reason),
			"docker ps shows what runs; name it with --container")
	}
	first := l.found[0]
	names := []string{first.Container.Name + " at " + first.at.String()}
	for _, f := range l.found[1:] {
		switch {
		case f.name() == first.name():
		case f.at == first.at:
			return nil, hint.With(outcome.Refuse("%s: %s may be served by %s or %s", placeOf(t), address, first.Container.Name, f.Container.Name),
				"say which with --container")
		default:
			names = append(names, f.Container.Name+" at "+f.at.String())
		}
	}
	if len(names) > 1 {
		return nil, hint.With(outcome.Refuse("%s: %s leads to several containers, %s", placeOf(t), address, strings.Join(names, " and ")),
			"write the address of one of them")
	}
	return l.found, nothingElse(ctx, t, address, l)
}

// nothingElse refuses a name that also leads to something other than a container.
func nothingElse(ctx context.Context, t nginxconf.Target, address string, l lookup) error {
	first := l.found[0]
	for _, at := range l.ats {
		if slices.ContainsFunc(l.found, func(f place) bool { return f.at == at }) || first.Container.Owns(at.Addr()) {
			continue
		}
		elsewhere, err := isElsewhere(at.Addr())
		switch {
		case err != nil:
			return err
		case elsewhere:
			return hint.With(outcome.Refuse("%s: %s leads to container %s, and to another machine, %s", placeOf(t), address, first.Container.Name, at.Addr()),
				"write the address of the container")
		case answersAt(ctx, at):
			return hint.With(outcome.Refuse("%s: %s leads to container %s, and to %s, where something else answers", placeOf(t), address, first.Container.Name, at),
				"write %s if the container is meant", first.at)
		}
	}
	return nil
}

// chosen is the container that the operator named.
func (p *finder) chosen(ctx context.Context, o Options, t nginxconf.Target) (docker.Container, uint16, []netip.AddrPort, error) {
	c, err := p.h.Docker.Inspect(ctx, o.Container)
	if errors.Is(err, docker.ErrNotFound) {
		return c, 0, nil, hint.With(outcome.Refuse("there is no container %q", o.Container), "docker ps")
	}
	if err != nil {
		return c, 0, nil, err
	}
	var ats, lead []netip.AddrPort
	for _, address := range t.Addresses(o.Everywhere) {
		l := p.look(ctx, address)
		if l.err != nil {
			return c, 0, nil, outcome.Refuse("%s: %s: %w", placeOf(t), address, l.err)
		}
		ats = append(ats, l.ats...)
		for _, f := range l.found {
			lead = append(lead, f.at)
		}
	}
	if len(lead) > 0 {
		ats = lead
	}
	if len(ats) == 0 {
		return c, 0, nil, outcome.Refuse("%s: %s is not a host and port", placeOf(t), t.Address)
	}
	port, ok := c.PortBehind(ats[0], o.Port)
	if !ok {
		return c, 0, nil, hint.With(outcome.Refuse("container %s does not publish %s, so the app's port is not known", c.Name, t.Address), "say it with --port")
	}
	return c, port, ats, nil
}

// isElsewhere reports whether no interface of this host has an address.
func isElsewhere(ip netip.Addr) (bool, error) {
	own, err := net.InterfaceAddrs()
	here := ip.IsLoopback() || slices.ContainsFunc(own, func(a net.Addr) bool {
		n, ok := a.(*net.IPNet)
		return ok && n.IP.Equal(net.IP(ip.AsSlice()))
	})
	return !here, err
}

// spelled is an address as the files have it, and where that leads.
func spelled(address string, at netip.AddrPort) string {
	if at.String() == address || !at.IsValid() {
		return address
	}
	return address + " (" + at.String() + ")"
}

// findPlaces looks behind the addresses of a site. An address elsewhere in the
// configuration can lead to the same containers only by a port that these have.
func (h *Host) findPlaces(ctx context.Context, o Options, conf *nginxconf.Config) (*finder, error) {
	p := &finder{h: h, known: map[string]lookup{}}
	targets, err := conf.Targets(o.Sites...)
	if err != nil {
		return nil, &outcome.RefusedError{Err: err}
	}
	for _, t := range targets {
		for _, address := range t.Addresses(false) {
			for _, at := range p.look(ctx, address).ats {
				p.ports = append(p.ports, strconv.Itoa(int(at.Port())))
			}
			for _, f := range p.look(ctx, address).found {
				p.ports = append(p.ports, strconv.Itoa(int(f.Port)))
				for _, pub := range f.Container.Published {
					p.ports = append(p.ports, strconv.Itoa(int(pub.HostPort)))
				}
			}
		}
	}
	return p, nil
}

// where tells nginxconf which addresses lead to the same container's port.
func (p *finder) where(ctx context.Context) nginxconf.Places {
	return func(host, port string) []string {
		if !slices.Contains(p.ports, port) {
			return nil
		}
		var names []string
		for _, f := range p.look(ctx, net.JoinHostPort(host, port)).found {
			if !slices.Contains(names, f.name()) {
				names = append(names, f.name())
			}
		}
		return names
	}
}

// look finds the containers behind a host and port.
func (p *finder) look(ctx context.Context, address string) lookup {
	if l, known := p.known[address]; known {
		return l
	}
	var l lookup
	l.ats, l.err = p.h.dialled(ctx, address)
	for _, at := range l.ats {
		targets, err := p.h.Docker.Serving(ctx, at)
		var doubt *locate.Doubt
		switch {
		case !errors.As(err, &doubt):
			l.err = errors.Join(l.err, err)
		case l.doubt == nil:
			l.doubt = doubt
		}
		for _, t := range targets {
			l.found = append(l.found, place{t, at})
		}
	}
	p.known[address] = l
	return l
}

// dialled lists the addresses that nginx dials for a host and port; none where it
// is something else.
func (h *Host) dialled(ctx context.Context, address string) ([]netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(address)
	n, portErr := strconv.ParseUint(port, 10, 16)
	if err != nil || portErr != nil {
		return nil, nil
	}
	ip, err := netip.ParseAddr(host)
	ips := []netip.Addr{ip}
	if err != nil {
		if ips, err = h.Nginx.Resolve(ctx, host); err != nil {
			return nil, &outcome.RefusedError{Err: err}
		}
	}
	var out []netip.AddrPort
	for _, ip := range ips {
		out = append(out, netip.AddrPortFrom(ip, uint16(n)))
	}
	return out, nil
}
