package docker

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"

	"edgeman/sockets/count"
)

// Doubt says why something else than a container's app may answer at an address.
type Doubt struct {
	Reason string
	Nobody bool // nothing is known to listen at the address at all
	hint   string
}

func (d *Doubt) Error() string { return d.Reason }

// Hint says what to do next, if there is anything.
func (d *Doubt) Hint() string { return d.hint }

// Confirm shows by what Docker and the kernel know that a connection of this
// host's to at arrives at port of c, and that a process of c listens there; the
// error is a *Doubt where it does not. Nothing is asked of the app itself.
func (c *Client) Confirm(ctx context.Context, ct Container, port uint16, at netip.AddrPort) error {
	v, err := c.look(ctx, at)
	if err != nil {
		return err
	}
	if ct.NetworkMode != "host" {
		if v.inside, err = c.sys.listeners(ct.PID()); err != nil {
			return callErr("look into", ct.ID, err)
		}
	}
	if d := v.doubt(ct, port); d != nil {
		return d
	}
	return nil
}

// view is what this host knows of an address and of its containers.
type view struct {
	at         netip.AddrPort
	local      bool // at is an address of this host
	containers []container.Summary
	host       []count.TCPListener // in the host's own namespace
	inside     []count.TCPListener // in that of the container in question
}

// look reads it.
func (c *Client) look(ctx context.Context, at netip.AddrPort) (v view, err error) {
	v.at = netip.AddrPortFrom(dialled(at.Addr()), at.Port())
	if v.local, err = c.isLocal(v.at.Addr()); err != nil {
		return v, fmt.Errorf("docker: find the container at %s: %w", at, err)
	}
	if v.containers, err = c.summaries(ctx, nil, false); err != nil {
		return v, err
	}
	if v.local {
		if v.host, err = c.sys.listeners(0); err != nil {
			return v, fmt.Errorf("docker: find the container at %s: %w", at, err)
		}
	}
	return v, nil
}

// doubt is why at may not lead to port of c; nil if it does.
func (v view) doubt(c Container, port uint16) *Doubt {
	if c.NetworkMode == "host" {
		return v.doubtHost(c, port)
	}
	space := v.space(c)
	var others []string
	for _, s := range v.containers {
		to, by := servedBy(s, v.at, v.local)
		switch {
		case by == "":
		case s.ID != space:
			others = append(others, nameOf(s))
		case to != port:
			return &Doubt{Reason: fmt.Sprintf("%s leads to port %d of container %s, not to %d", v.at, to, nameOf(s), port)}
		default:
			if d := v.doubtWay(); d != nil {
				return d
			}
			return v.doubtListener(c, port)
		}
	}
	if len(others) > 0 {
		return &Doubt{Reason: fmt.Sprintf("%s leads to container %s, not to %s", v.at, strings.Join(others, ", "), c.Name)}
	}
	return &Doubt{Reason: fmt.Sprintf("%s does not lead to container %s: %s", v.at, c.Name, v.unserved()), Nobody: v.nobody()}
}

// nobody tells whether the address is this host's and nothing listens there.
func (v view) nobody() bool {
	_, listens := reached(v.host, v.at)
	return v.local && !listens
}

// doubtHost is the same for a container in the host's own namespace.
func (v view) doubtHost(c Container, port uint16) *Doubt {
	l, ok := reached(v.host, v.at)
	switch {
	case port != v.at.Port():
		return &Doubt{Reason: fmt.Sprintf("container %s uses the host's network, where %s is its port %d, not %d", c.Name, v.at, v.at.Port(), port)}
	case !ok || !slices.Contains(v.owners(l), c.ID):
		return &Doubt{Reason: fmt.Sprintf("%s does not lead to container %s: %s", v.at, c.Name, v.unserved())}
	}
	return nil
}

// doubtWay tells of a process of the host that stands before the published port.
func (v view) doubtWay() *Doubt {
	l, ok := reached(v.host, v.at)
	if !ok || len(l.Holders) == 0 || slices.ContainsFunc(l.Holders, forwards) {
		return nil // the kernel forwards the port, or Docker does
	}
	return &Doubt{Reason: fmt.Sprintf("%s listens at %s, and not Docker, which publishes the same port", v.holder(l), v.at)}
}

// doubtListener tells of another container's or the host's process that listens
// on the port in the network namespace of c.
func (v view) doubtListener(c Container, port uint16) *Doubt {
	var found bool
	for _, l := range v.inside {
		if l.Addr.Port() != port || l.Addr.Addr().IsLoopback() {
			continue
		}
		owners := v.owners(l)
		if slices.Contains(owners, c.ID) || len(l.Holders) == 0 || slices.ContainsFunc(l.Holders, func(h count.Holder) bool { return h.PID == c.PID() }) {
			return nil
		}
		if len(owners) > 0 {
			name := v.name(owners[0])
			return &Doubt{
				Reason: fmt.Sprintf("%s leads into the network namespace of container %s, but on its port %d listens container %s", v.at, c.Name, port, name),
				hint:   fmt.Sprintf("--container %s --port %d", name, port),
			}
		}
		found = true
	}
	shared := v.sharing(c)
	switch {
	case found:
		return &Doubt{Reason: fmt.Sprintf("%s leads into the network namespace of container %s, but on its port %d listens a process that is no container's", v.at, c.Name, port)}
	case len(shared) > 0:
		return &Doubt{Reason: fmt.Sprintf("nothing listens on port %d of container %s now, and it shares its network namespace with %s: any of them may be what answers", port, c.Name, strings.Join(shared, ", "))}
	}
	return nil
}

// unserved says who answers at the address instead of a container.
func (v view) unserved() string {
	if !v.local {
		return fmt.Sprintf("%s is no address of this machine or of a container on it, so another machine answers there", v.at.Addr())
	}
	l, _ := reached(v.host, v.at)
	switch {
	case v.nobody():
		return "nothing listens there on this machine"
	case len(l.Holders) == 0:
		return "what listens there is no container"
	}
	return v.holder(l) + " listens there"
}

// holder names who holds a listener.
func (v view) holder(l count.TCPListener) string {
	if owners := v.owners(l); len(owners) > 0 {
		return "container " + v.name(owners[0])
	}
	h := l.Holders[len(l.Holders)-1] // systemd, which may hold it as well, comes first
	return fmt.Sprintf("the process %s (pid %d), which is no container's,", h.Name, h.PID)
}

// owners are the containers whose processes hold a listener.
func (v view) owners(l count.TCPListener) []string {
	var out []string
	for _, h := range l.Holders {
		for _, s := range v.containers {
			if strings.Contains(h.Cgroup, s.ID) && !slices.Contains(out, s.ID) {
				out = append(out, s.ID)
			}
		}
	}
	return out
}

// space is the container whose network namespace c lives in.
func (v view) space(c Container) string {
	joined, ok := strings.CutPrefix(c.NetworkMode, "container:")
	if !ok {
		return c.ID
	}
	for _, s := range v.containers {
		if s.ID == joined || nameOf(s) == joined {
			return s.ID
		}
	}
	return joined
}

// sharing are the other containers in c's network namespace.
func (v view) sharing(c Container) []string {
	var out []string
	for _, s := range v.containers {
		in := v.space(Container{ID: s.ID, NetworkMode: s.HostConfig.NetworkMode})
		if s.ID != c.ID && in == v.space(c) {
			out = append(out, nameOf(s))
		}
	}
	return out
}

func (v view) name(id string) string {
	for _, s := range v.containers {
		if s.ID == id {
			return nameOf(s)
		}
	}
	return short(id)
}

// forwards tells whether a process takes connections for a container: Docker's
// proxy, whatever it is called, or the daemon itself, which opens the port for it.
func forwards(h count.Holder) bool {
	return h.Name == "docker-proxy" || h.Name == "dockerd" || strings.Contains(h.Command, "\x00-container-port\x00")
}

// reached is the listener that a connection to at arrives at: the one bound most
// narrowly.
func reached(all []count.TCPListener, at netip.AddrPort) (best count.TCPListener, ok bool) {
	rank := func(l count.TCPListener) int {
		switch own := l.Addr.Addr(); {
		case !l.Reaches(at):
			return 0
		case own == at.Addr():
			return 3
		case own.Is4() == at.Addr().Is4():
			return 2
		}
		return 1
	}
	for _, l := range all {
		if rank(l) > 0 && (!ok || rank(l) > rank(best)) {
			best, ok = l, true
		}
	}
	return best, ok
}
