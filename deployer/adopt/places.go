package adopt

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"edgeman/deployer/docker/locate"
	"edgeman/deployer/outcome"
	"edgeman/nginxconf"
)

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

// finder finds what nginx's files lead to, each address once.
type finder struct {
	h     *Host
	known map[string]lookup
	ports []string // the only ones that are looked at for nginxconf
}

// findPlaces looks behind the addresses of a site. An address elsewhere in the
// configuration can lead to the same containers only by a port that these have.
func (h *Host) findPlaces(ctx context.Context, o Options, conf *nginxconf.Config) (*finder, error) {
	p := &finder{h: h, known: map[string]lookup{}}
	targets, err := conf.Targets(o.Site)
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
