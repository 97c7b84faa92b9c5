package adopt

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"edgeman/deployer/docker"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/nginxconf"
)

// AllowOtherPorts accepts that a container with data is taken over by one of the
// ports that nginx sends requests to, and the others fail while it is replaced.
const AllowOtherPorts = "other-ports"

// dialled are the addresses that lead to the i-th container.
func (c candidate) dialled(i int) (all []netip.AddrPort) {
	for _, w := range c.ways {
		all = append(all, w.dialled[i]...)
	}
	return all
}

// serves tells whether a port of the containers is taken over.
func (c candidate) serves(port uint16) bool {
	return slices.ContainsFunc(c.ways, func(w way) bool { return w.port == port })
}

// untaken are the ports that the i-th container publishes beside those that are
// taken over.
func (c candidate) untaken(i int) (ports []docker.Port) {
	for _, p := range c.containers[i].Published {
		taken := slices.ContainsFunc(c.dialled(i), func(at netip.AddrPort) bool { return at.Port() == p.HostPort })
		seen := slices.ContainsFunc(ports, func(other docker.Port) bool { return other.HostPort == p.HostPort })
		if !seen && !(p.Proto == "tcp" && taken) {
			ports = append(ports, p)
		}
	}
	return ports
}

// usesOf are the places where nginx sends requests to a published port.
func usesOf(conf *nginxconf.Config, p docker.Port) []nginxconf.Use {
	return conf.Reaching(func(a netip.AddrPort) bool { return p.Proto == "tcp" && a.Port() == p.HostPort && here(a.Addr()) })
}

// staysBeside tells whether the containers go on beside the app: nginx sends
// requests to more of their ports, and the operator has asked for some alone.
func (p *finder) staysBeside(ctx context.Context, o Options, conf *nginxconf.Config, c candidate) bool {
	if len(o.Only) == 0 || slices.Contains(o.Allow, AllowOtherPorts) {
		return false
	}
	for i := range c.containers {
		if slices.ContainsFunc(c.untaken(i), func(p docker.Port) bool { return len(usesOf(conf, p)) > 0 }) {
			return true
		}
	}
	return p.strays(ctx, o, conf, c) != nil
}

// mayStay refuses to leave a container running beside the app's own that must not
// run beside another one.
func (c candidate) mayStay() error {
	if !c.beside || len(c.adoption.StopFirst) == 0 {
		return nil
	}
	return hint.With(outcome.Refuse("container %s would run on for its other ports beside the app's own, and two of them must not run at the same time: it %s", c.containers[0].Name, strings.Join(c.adoption.StopFirst, ", ")),
		"without --only all of its ports become one app; --allow-%s replaces it, and what is sent to the other ports fails meanwhile", AllowOtherPorts)
}

// otherPorts tells of the ports that the container publishes beside those that are
// taken over: the new containers publish them again, one after the other, unless it
// stays for them.
func (c *candidate) otherPorts(o Options, conf *nginxconf.Config) error {
	var used []string
	var where nginxconf.Use // the first of them
	for i, ct := range c.containers {
		for _, p := range c.untaken(i) {
			what := fmt.Sprintf("port %d of this machine (%d/%s in container %s)", p.HostPort, p.ContainerPort, p.Proto, ct.Name)
			if uses := usesOf(conf, p); len(uses) > 0 {
				what += fmt.Sprintf(", where nginx sends requests (%s: %s),", uses[0].Pos, uses[0].Text)
				if len(used) == 0 {
					where = uses[0]
				}
				used = append(used, what)
			}
			if c.beside {
				c.warnings = append(c.warnings, what+" is not taken over: the container runs on for it, beside the app's own")
			} else {
				c.warnings = append(c.warnings, what+" is not taken over: what is sent there fails while the container is replaced, now and at each swap")
			}
		}
	}
	if c.beside || len(used) == 0 || len(c.adoption.Writes) == 0 || slices.Contains(o.Allow, AllowOtherPorts) {
		return nil
	}
	return hint.With(outcome.Refuse("%s is not taken over, and container %s %s: it is stopped at each swap before the next one starts, and until then what is sent to that port fails", strings.TrimSuffix(used[0], ","), c.containers[0].Name, strings.Join(c.adoption.Writes, ", ")),
		"%s", o.withPort(where))
}

// withPort is what to do about a use of a port that is not taken over.
func (o Options) withPort(u nginxconf.Use) string {
	if slices.Contains(o.Sites, u.Pos.File) {
		return fmt.Sprintf("--allow-%s accepts that", AllowOtherPorts)
	}
	return fmt.Sprintf("edgeman adopt %s %s makes both ports one app's; --allow-%s accepts that", strings.Join(o.Sites, " "), u.Pos.File, AllowOtherPorts)
}

// strays refuses a container that nginx reaches on another port, too, without that
// being published: at the container's own address, which the next one does not
// have, or in the host's network.
func (p *finder) strays(ctx context.Context, o Options, conf *nginxconf.Config, c candidate) error {
	if c.beside || slices.Contains(o.Allow, AllowOtherPorts) {
		return nil
	}
	for i, ct := range c.containers {
		uses := conf.Reaching(func(at netip.AddrPort) bool {
			if slices.Contains(c.dialled(i), at) {
				return false
			}
			if ct.NetworkMode != "host" || !here(at.Addr()) {
				return ct.Owns(at.Addr())
			}
			return slices.ContainsFunc(p.look(ctx, at.String()).found, func(f place) bool { return f.Container.ID == ct.ID && !c.serves(f.Port) })
		})
		if len(uses) > 0 {
			return hint.With(outcome.Refuse("%s: %s reaches another port of container %s, which is not taken over: what is sent there fails when the container is replaced", uses[0].Pos, uses[0].Text, ct.Name),
				"%s", o.withPort(uses[0]))
		}
	}
	return nil
}

// here tells whether ip is an address of this machine.
func here(ip netip.Addr) bool {
	elsewhere, err := isElsewhere(ip)
	return err == nil && !elsewhere || ip.IsUnspecified()
}
