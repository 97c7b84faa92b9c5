package adopt

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/words"
	"edgeman/nginxconf"
)

// AllowOtherPorts accepts that a container with data is taken over by one of the
// ports that nginx sends requests to, and the others fail while it is replaced.
const AllowOtherPorts = "other-ports"

// portsOfOne keeps one container from becoming several apps, each with a copy of
// it, and tells of the ports of a container that are not taken over. It returns
// what can be taken, what stays and why.
func (p *finder) portsOfOne(ctx context.Context, o Options, conf *nginxconf.Config, take []candidate) (kept []candidate, stay []left, err error) {
	var errs []error
	for i := range take {
		c := &take[i]
		reason := c.twice(take)
		if reason == nil {
			reason = c.otherPorts(o, conf)
		}
		if reason == nil {
			reason = p.strays(ctx, o, conf, *c)
		}
		if reason == nil {
			kept = append(kept, *c)
			continue
		}
		for _, t := range c.targets {
			stay = append(stay, left{t.Address, words.FirstLine(reason.Error())})
		}
		if !slices.ContainsFunc(errs, func(e error) bool { return e.Error() == reason.Error() }) {
			errs = append(errs, reason)
		}
	}
	return kept, stay, errors.Join(errs...)
}

// otherPorts tells of the ports that the container publishes beside the one that
// is taken over: the new containers publish them again, one after the other.
func (c *candidate) otherPorts(o Options, conf *nginxconf.Config) error {
	var used []string
	for i, ct := range c.containers {
		seen := map[uint16]bool{}
		for _, p := range ct.Published {
			taken := slices.ContainsFunc(c.dialled[i], func(at netip.AddrPort) bool { return at.Port() == p.HostPort })
			if seen[p.HostPort] || p.Proto == "tcp" && taken {
				continue
			}
			seen[p.HostPort] = true
			what := fmt.Sprintf("port %d of this machine (%d/%s in container %s)", p.HostPort, p.ContainerPort, p.Proto, ct.Name)
			uses := conf.Reaching(func(a netip.AddrPort) bool { return p.Proto == "tcp" && a.Port() == p.HostPort && here(a.Addr()) })
			if len(uses) > 0 {
				what += fmt.Sprintf(", where nginx sends requests (%s: %s),", uses[0].Pos, uses[0].Text)
				used = append(used, what)
			}
			c.warnings = append(c.warnings, what+" is not taken over: what is sent there fails while the container is replaced, now and at each swap")
		}
	}
	if len(used) == 0 || len(c.adoption.Writes) == 0 || slices.Contains(o.Allow, AllowOtherPorts) {
		return nil
	}
	return hint.With(outcome.Refuse("%s is not taken over, and container %s %s: it is stopped at each swap before the next one starts, and until then what is sent to that port fails", strings.TrimSuffix(used[0], ","), c.containers[0].Name, strings.Join(c.adoption.Writes, ", ")),
		"--allow-%s accepts that", AllowOtherPorts)
}

// strays refuses a container that nginx reaches on another port, too, without that
// being published: at the container's own address, which the next one does not
// have, or in the host's network.
func (p *finder) strays(ctx context.Context, o Options, conf *nginxconf.Config, c candidate) error {
	if slices.Contains(o.Allow, AllowOtherPorts) {
		return nil
	}
	for i, ct := range c.containers {
		uses := conf.Reaching(func(at netip.AddrPort) bool {
			if slices.Contains(c.dialled[i], at) {
				return false
			}
			if ct.NetworkMode != "host" || !here(at.Addr()) {
				return ct.Owns(at.Addr())
			}
			return slices.ContainsFunc(p.look(ctx, at.String()).found, func(f place) bool { return f.Container.ID == ct.ID && f.Port != c.port })
		})
		if len(uses) > 0 {
			return hint.With(outcome.Refuse("%s: %s reaches another port of container %s, which is not taken over: what is sent there fails when the container is replaced", uses[0].Pos, uses[0].Text, ct.Name),
				"--allow-%s accepts that", AllowOtherPorts)
		}
	}
	return nil
}

// here tells whether ip is an address of this machine.
func here(ip netip.Addr) bool {
	elsewhere, err := isElsewhere(ip)
	return err == nil && !elsewhere || ip.IsUnspecified()
}
