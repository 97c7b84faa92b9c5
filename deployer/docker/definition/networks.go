package definition

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"edgeman/deployer/docker/inspect"
	"edgeman/deployer/docker/rawjson"
)

// TakeNetworks takes over which networks the container is on by now. It cannot
// be made without the primary one.
func (s *Settings) TakeNetworks(now map[string]rawjson.Object, primary string) (changed, lost []string) {
	was := s.Networks
	s.Networks = maps.Clone(now)
	if s.Networks == nil {
		s.Networks = map[string]rawjson.Object{}
	}
	for _, name := range slices.Sorted(maps.Keys(was)) {
		switch f, still := now[name]; {
		case still && sameEndpoint(f, was[name]):
			s.Networks[name] = was[name]
		case still:
			changed = append(changed, "its address or names on network "+name)
		case name == primary:
			s.Networks[name] = was[name]
			lost = append(lost, fmt.Sprintf("the container was taken off network %s, and the next one is on it: that is the network it was made with", name))
		default:
			changed = append(changed, "off network "+name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if _, known := was[name]; !known {
			changed = append(changed, "on network "+name)
		}
	}
	return changed, lost
}

// sameEndpoint compares what was asked of a network, aliases in any order.
func sameEndpoint(a, b rawjson.Object) bool {
	sorted := func(f rawjson.Object) json.RawMessage {
		f = f.Clone()
		var aliases []string
		_ = f.Get("Aliases", &aliases) // written by endpoints
		slices.Sort(aliases)
		f.SetFilled("Aliases", slices.Compact(aliases))
		b, err := json.Marshal(f)
		if err != nil {
			panic(fmt.Sprintf("docker: encode an endpoint: %v", err)) // made of valid JSON only
		}
		return b
	}
	return rawjson.Same(sorted(a), sorted(b))
}

// operational are the members of an endpoint that the daemon fills in.
var operational = []string{
	"NetworkID", "EndpointID", "Gateway", "IPAddress", "IPPrefixLen", "IPv6Gateway",
	"GlobalIPv6Address", "GlobalIPv6PrefixLen", "MacAddress", "DNSNames",
}

// Endpoints is what the operator asked of each network: aliases, fixed addresses,
// options. The networks host and none have nothing to ask for.
func Endpoints(in inspect.Answer) map[string]rawjson.Object {
	primary := inspect.NetworkMode(in.InspectResponse)
	out := map[string]rawjson.Object{}
	for name, raw := range in.Raw.NetworkSettings.Networks {
		if name == "host" || name == "none" {
			continue
		}
		f := raw.Clone()
		f.Drop(operational...)
		// Before API 1.45 the daemon lists the container's short id as an alias.
		if ep := in.NetworkSettings.Networks[name]; ep != nil {
			f.SetFilled("Aliases", otherAliases(ep.Aliases, in.ID))
		}
		for k, v := range f {
			if rawjson.Empty(v) || k == "GwPriority" && string(v) == "0" {
				delete(f, k)
			}
		}
		// The daemon reports a MAC address the operator chose here, and here only.
		if mac := in.Raw.Config["MacAddress"]; mac != nil && !rawjson.Empty(mac) && name == primary {
			f["MacAddress"] = mac
		}
		out[name] = f
	}
	return out
}

func otherAliases(aliases []string, id string) []string {
	var out []string
	for _, a := range aliases {
		if !strings.HasPrefix(id, a) || len(a) < 12 {
			out = append(out, a)
		}
	}
	return out
}

// AddAlias makes name reach the container on every network that has names.
func AddAlias(networks map[string]rawjson.Object, name string) {
	for network, f := range networks {
		if !inspect.UserDefined(network) {
			continue
		}
		var aliases []string
		_ = f.Get("Aliases", &aliases) // written by endpoints
		if !slices.Contains(aliases, name) {
			f.Set("Aliases", append(aliases, name))
		}
	}
}

// FixedAddresses tells the addresses that the operator chose, on every network.
func FixedAddresses(s Settings) []string {
	var out []string
	for name, ep := range s.Networks {
		for _, a := range addressesOf(ep) {
			out = append(out, fmt.Sprintf("has the fixed address %s on network %s", a, name))
		}
	}
	return out
}

// addressesOf are those that the operator chose for an endpoint.
func addressesOf(ep rawjson.Object) []string {
	var ipam struct {
		IPv4Address, IPv6Address string
		LinkLocalIPs             []string
	}
	var mac string
	_ = ep.Get("IPAMConfig", &ipam) // both were decoded before
	_ = ep.Get("MacAddress", &mac)
	var out []string
	for _, a := range append([]string{ipam.IPv4Address, ipam.IPv6Address, mac}, ipam.LinkLocalIPs...) {
		if a != "" {
			out = append(out, a)
		}
	}
	return out
}
