package docker

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"edgeman/deployer/docker/inspect"
	"edgeman/deployer/docker/locate"
)

// OtherPorts says where the processes of a running container listen, and what its
// image EXPOSEs, if that is not where they are expected to: at each of ports.
func (c *Client) OtherPorts(ctx context.Context, nameOrID string, ports []uint16) (locate.Elsewhere, error) {
	ct, err := c.Inspect(ctx, nameOrID)
	if err != nil || ct.SandboxKey == "" || ct.NetworkMode == "host" {
		return locate.Elsewhere{}, err
	}
	at, err := c.sys.listening(ct.SandboxKey)
	if err != nil {
		return locate.Elsewhere{}, callErr("look into", nameOrID, err)
	}
	image, err := c.Image(ctx, ct.ImageID)
	if err != nil {
		return locate.Elsewhere{}, err
	}
	return locate.OtherPorts(ct, ports, at, image.Ports), nil
}

// Confirm shows by what Docker and the kernel know that a connection of this
// host's to at arrives at port of c, and that a process of c listens there; the
// error is a *locate.Doubt where it does not. Nothing is asked of the app itself.
func (c *Client) Confirm(ctx context.Context, ct inspect.Container, port uint16, at netip.AddrPort) error {
	v, err := c.look(ctx, at)
	if err != nil {
		return err
	}
	if ct.NetworkMode != "host" {
		if v.Inside, err = c.sys.listeners(ct.PID); err != nil {
			return callErr("look into", ct.ID, err)
		}
	}
	if d := v.Doubt(ct, port); d != nil {
		return d
	}
	return nil
}

// look reads what this host knows of an address.
func (c *Client) look(ctx context.Context, at netip.AddrPort) (v locate.View, err error) {
	v.At = netip.AddrPortFrom(inspect.Dialled(at.Addr()), at.Port())
	if v.Containers, err = c.summaries(ctx, nil, false); err != nil {
		return v, err
	}
	if v.Local, err = c.isLocal(v.At.Addr()); v.Local {
		v.Host, err = c.sys.listeners(0)
	}
	if err != nil {
		return v, fmt.Errorf("docker: find the container at %s: %w", at, err)
	}
	return v, nil
}

// Serving finds the running containers behind a TCP address as nginx would dial
// it: through a published port of this host, at a container's own address, or by
// a process in the host's network. Usually it is one; several mean that the
// caller has to ask. The error is a *Doubt that says what is there instead when
// there is none.
func (c *Client) Serving(ctx context.Context, at netip.AddrPort) ([]locate.Target, error) {
	if !at.IsValid() {
		return nil, &locate.Doubt{Reason: "that is no address"}
	}
	v, err := c.look(ctx, at)
	if err != nil {
		return nil, err
	}
	var out []locate.Target
	for _, s := range v.Containers {
		port, by := v.ServedBy(s)
		if by == "" {
			continue
		}
		ct, err := c.Inspect(ctx, s.ID)
		if isNotFound(err) {
			continue // removed since
		}
		if err != nil {
			return nil, err
		}
		if ct.Running {
			out = append(out, locate.Target{Container: ct, Port: port, By: by})
		}
	}
	if len(out) == 0 {
		return nil, &locate.Doubt{Reason: v.Unserved()}
	}
	return out, nil
}

// isLocal says whether ip is this host. A published port is open on this host
// only: the same port at another machine's address is not ours.
func (c *Client) isLocal(ip netip.Addr) (bool, error) {
	if ip.IsLoopback() {
		return true, nil
	}
	own, err := c.sys.addresses()
	if err != nil {
		return false, err
	}
	return slices.Contains(own, ip.WithZone("")), nil
}

func hostAddresses() ([]netip.Addr, error) {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("list the host's addresses: %w", err)
	}
	var out []netip.Addr
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok {
				out = append(out, ip.Unmap())
			}
		}
	}
	return out, nil
}
