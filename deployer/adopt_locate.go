package deployer

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"edgeman/deployer/docker"
	"edgeman/nginxconf"
)

// locate gives a target whose host is a name the address that nginx dials: what
// the name leads to on this host. Where it leads to several, one container has to
// be behind all of them.
func (h *Host) locate(ctx context.Context, o AdoptOptions, t *nginxconf.Target) error {
	if t.Addr.IsValid() {
		return nil
	}
	host, port, err := net.SplitHostPort(t.Address)
	n, portErr := strconv.ParseUint(port, 10, 16)
	if err != nil || portErr != nil {
		return refuse("%s: %s is no host and port", placeOf(*t), t.Address)
	}
	ips, err := h.Nginx.Resolve(ctx, host)
	if err != nil {
		return refuse("%s: %s: %w", placeOf(*t), t.Address, err)
	}
	var found []string // containers
	for i, ip := range ips {
		at := netip.AddrPortFrom(ip, uint16(n))
		names, err := h.serving(ctx, at)
		if err != nil {
			return err
		}
		if i == 0 || len(names) > 0 && len(found) == 0 {
			t.Addr = at
		}
		for _, name := range names {
			if !slices.Contains(found, name) {
				found = append(found, name)
			}
		}
	}
	elsewhere, err := otherMachines(ips)
	switch {
	case err != nil:
		return err
	case len(found) > 1 && o.Container == "":
		return refuse("%s: %s leads to several containers, %s\nhint: write the address of one of them", placeOf(*t), t.Address, strings.Join(found, " and "))
	case len(found) == 1 && len(ips) > 1 && len(elsewhere) > 0:
		if own, err := h.ownAddresses(ctx, found[0], elsewhere); err != nil || own {
			return err
		}
		return refuse("%s: %s leads to container %s, and to another machine, %s\nhint: write the address of the container", placeOf(*t), t.Address, found[0], strings.Join(elsewhere, ", "))
	}
	return nil
}

// serving names the containers that answer at an address.
func (h *Host) serving(ctx context.Context, at netip.AddrPort) ([]string, error) {
	targets, err := h.Docker.Serving(ctx, at)
	if doubt := new(docker.Doubt); errors.As(err, &doubt) {
		return nil, nil
	}
	var names []string
	for _, t := range targets {
		names = append(names, t.Container.Name)
	}
	return names, err
}

// otherMachines are the addresses that no interface of this host has.
func otherMachines(ips []netip.Addr) ([]string, error) {
	own, err := net.InterfaceAddrs()
	var out []string
	for _, ip := range ips {
		here := ip.IsLoopback() || slices.ContainsFunc(own, func(a net.Addr) bool {
			n, ok := a.(*net.IPNet)
			return ok && n.IP.Equal(net.IP(ip.AsSlice()))
		})
		if !here {
			out = append(out, ip.String())
		}
	}
	return out, err
}

// ownAddresses tells whether all of the addresses are the container's.
func (h *Host) ownAddresses(ctx context.Context, name string, ips []string) (bool, error) {
	c, err := h.Docker.Inspect(ctx, name)
	if err != nil {
		return false, err
	}
	for _, ip := range ips {
		if a, err := netip.ParseAddr(ip); err != nil || !ownAddress(c, a) {
			return false, nil
		}
	}
	return true, nil
}

// spelled is a target's address as the files have it, and where that leads.
func spelled(t nginxconf.Target) string {
	if t.Addr.String() == t.Address || !t.Addr.IsValid() {
		return t.Address
	}
	return t.Address + " (" + t.Addr.String() + ")"
}
