package locate

import (
	"fmt"
	"slices"
	"strings"

	"edgeman/deployer/docker/inspect"
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

// Doubt is why at may not lead to port of c; nil if it does.
func (v View) Doubt(c inspect.Container, port uint16) *Doubt {
	if c.NetworkMode == "host" {
		return v.doubtHost(c, port)
	}
	space := v.space(c)
	var others []string
	for _, s := range v.Containers {
		to, by := servedBy(s, v.At, v.Local)
		switch {
		case by == "":
		case s.ID != space:
			others = append(others, inspect.NameOf(s))
		case to != port:
			return &Doubt{Reason: fmt.Sprintf("%s leads to port %d of container %s, not to %d", v.At, to, inspect.NameOf(s), port)}
		default:
			if d := v.doubtWay(); d != nil {
				return d
			}
			return v.doubtListener(c, port)
		}
	}
	if len(others) > 0 {
		return &Doubt{Reason: fmt.Sprintf("%s leads to container %s, not to %s", v.At, strings.Join(others, ", "), c.Name)}
	}
	return &Doubt{Reason: fmt.Sprintf("%s does not lead to container %s: %s", v.At, c.Name, v.Unserved()), Nobody: v.nobody()}
}

// nobody tells whether the address is this host's and nothing listens there.
func (v View) nobody() bool {
	_, listens := reached(v.Host, v.At)
	return v.Local && !listens
}

// doubtHost is the same for a container in the host's own namespace.
func (v View) doubtHost(c inspect.Container, port uint16) *Doubt {
	l, ok := reached(v.Host, v.At)
	switch {
	case port != v.At.Port():
		return &Doubt{Reason: fmt.Sprintf("container %s uses the host's network, where %s is its port %d, not %d", c.Name, v.At, v.At.Port(), port)}
	case !ok || !slices.Contains(v.owners(l), c.ID):
		return &Doubt{Reason: fmt.Sprintf("%s does not lead to container %s: %s", v.At, c.Name, v.Unserved())}
	}
	return nil
}

// doubtWay tells of a process of the host that stands before the published port.
func (v View) doubtWay() *Doubt {
	l, ok := reached(v.Host, v.At)
	if !ok || len(l.Holders) == 0 || slices.ContainsFunc(l.Holders, forwards) {
		return nil // the kernel forwards the port, or Docker does
	}
	return &Doubt{Reason: fmt.Sprintf("%s listens at %s, and not Docker, which publishes the same port", v.holder(l), v.At)}
}

// doubtListener tells of another container's or the host's process that listens
// on the port in the network namespace of c.
func (v View) doubtListener(c inspect.Container, port uint16) *Doubt {
	var found bool
	for _, l := range v.Inside {
		if l.Addr.Port() != port || l.Addr.Addr().IsLoopback() {
			continue
		}
		owners := v.owners(l)
		if slices.Contains(owners, c.ID) || len(l.Holders) == 0 || slices.ContainsFunc(l.Holders, func(h count.Holder) bool { return h.PID == c.PID }) {
			return nil
		}
		if len(owners) > 0 {
			_, name := v.find(owners[0])
			return &Doubt{
				Reason: fmt.Sprintf("%s leads into the network namespace of container %s, but on its port %d listens container %s", v.At, c.Name, port, name),
				hint:   fmt.Sprintf("--container %s --port %d", name, port),
			}
		}
		found = true
	}
	shared := v.sharing(c)
	switch {
	case found:
		return &Doubt{Reason: fmt.Sprintf("%s leads into the network namespace of container %s, but on its port %d listens a process that is no container's", v.At, c.Name, port)}
	case len(shared) > 0:
		return &Doubt{Reason: fmt.Sprintf("nothing listens on port %d of container %s now, and it shares its network namespace with %s: any of them may be what answers", port, c.Name, strings.Join(shared, ", "))}
	}
	return nil
}

// Unserved says who answers at the address instead of a container.
func (v View) Unserved() string {
	if !v.Local {
		return fmt.Sprintf("%s is no address of this machine or of a container on it, so another machine answers there", v.At.Addr())
	}
	l, _ := reached(v.Host, v.At)
	switch {
	case v.nobody():
		return "nothing listens there on this machine"
	case len(l.Holders) == 0:
		return "what listens there is no container"
	}
	return v.holder(l) + " listens there"
}

// holder names who holds a listener.
func (v View) holder(l count.TCPListener) string {
	if owners := v.owners(l); len(owners) > 0 {
		_, name := v.find(owners[0])
		return "container " + name
	}
	h := l.Holders[len(l.Holders)-1] // systemd, which may hold it as well, comes first
	return fmt.Sprintf("the process %s (pid %d), which is no container's,", h.Name, h.PID)
}
