package adopt

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"

	"edgeman/deployer/docker"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/nginxconf"
)

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
