package definition

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/go-connections/nat"

	"edgeman/deployer/docker/inspect"
)

// DropPort takes the published ports that the addresses lead to out of s, with
// the exposed port they brought along. Every other published port stays.
func (s Settings) DropPort(in inspect.Answer, port uint16, at []netip.AddrPort) error {
	key := nat.Port(fmt.Sprintf("%d/tcp", port))
	bindings := nat.PortMap{}
	if err := s.HostConfig.Get("PortBindings", &bindings); err != nil {
		return err
	}
	if in.HostConfig.PublishAllPorts {
		// The others keep what -P means: some free port of the host each.
		s.HostConfig.Drop("PublishAllPorts")
		for p := range in.Config.ExposedPorts {
			if _, ok := bindings[p]; !ok && p != key {
				bindings[p] = []nat.PortBinding{{}}
			}
		}
	}
	bindings[key] = slices.DeleteFunc(bindings[key], func(b nat.PortBinding) bool { // those that one of the addresses reaches
		return slices.ContainsFunc(at, func(a netip.AddrPort) bool {
			return bindsPort(b.HostPort, a.Port()) && bindsAddress(b.HostIP, a.Addr())
		})
	})
	exposed := map[nat.Port]struct{}{}
	if err := s.Config.Get("ExposedPorts", &exposed); err != nil {
		return err
	}
	if len(bindings[key]) == 0 {
		delete(bindings, key)
		delete(exposed, key)
	}
	s.HostConfig.SetFilled("PortBindings", bindings)
	s.Config.SetFilled("ExposedPorts", exposed)
	return nil
}

// bindsPort: an empty port or 0 stands for any free one, "8000-8010" for one of these.
func bindsPort(spec string, port uint16) bool {
	if spec == "" || spec == "0" {
		return true
	}
	first, last, isRange := strings.Cut(spec, "-")
	if !isRange {
		last = first
	}
	lo, err1 := strconv.ParseUint(first, 10, 16)
	hi, err2 := strconv.ParseUint(last, 10, 16)
	return err1 == nil && err2 == nil && lo <= uint64(port) && uint64(port) <= hi
}

// bindsAddress: without an address a port is bound on all of them, IPv4 and IPv6.
func bindsAddress(spec string, ip netip.Addr) bool {
	bound := inspect.Addr(spec)
	return !bound.IsValid() || bound.IsUnspecified() || bound == inspect.Dialled(ip)
}

// FixedPorts tells the published ports that only one container can have at a
// time, as "publishes 0.0.0.0:9090 (9090/tcp)".
func (s Settings) FixedPorts() ([]string, error) {
	bindings := nat.PortMap{}
	if err := s.HostConfig.Get("PortBindings", &bindings); err != nil {
		return nil, err
	}
	var out []string
	for p, list := range bindings {
		for _, b := range list {
			if b.HostPort == "" || b.HostPort == "0" {
				continue
			}
			out = append(out, fmt.Sprintf("publishes %s (%s)", net.JoinHostPort(cmp.Or(b.HostIP, "*"), b.HostPort), p))
		}
	}
	slices.Sort(out)
	return out, nil
}
