package definition

import (
	"fmt"
	"slices"
	"strings"

	"edgeman/deployer/docker/inspect"
	"edgeman/deployer/docker/rawjson"
)

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
			f.SetFilled("Aliases", slices.DeleteFunc(slices.Clone(ep.Aliases), func(a string) bool {
				return len(a) >= 12 && strings.HasPrefix(in.ID, a)
			}))
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

// Rename gives networks the names that they have by their ids, and exchanges names
// that lead to the container; "" takes one away.
func (s Settings) Rename(networks, aliases map[string]string) {
	for id, name := range networks {
		if f, ok := s.Networks[id]; ok {
			delete(s.Networks, id)
			s.Networks[name] = f
		}
	}
	var mode string
	_ = s.HostConfig.Get("NetworkMode", &mode) // set by HostConfig
	if name := networks[mode]; name != "" {
		s.HostConfig.Set("NetworkMode", name)
	}
	for _, f := range s.Networks {
		var was, is []string
		_ = f.Get("Aliases", &was) // written by Endpoints
		for _, a := range was {
			if to, exchanged := aliases[a]; !exchanged {
				is = append(is, a)
			} else if to != "" {
				is = append(is, to)
			}
		}
		f.SetFilled("Aliases", is)
	}
}

// AddAlias makes name reach the container on every network that has names.
func (s Settings) AddAlias(name string) {
	for network, f := range s.Networks {
		if !inspect.UserDefined(network) {
			continue
		}
		var aliases []string
		_ = f.Get("Aliases", &aliases) // written by Endpoints
		if !slices.Contains(aliases, name) {
			f.Set("Aliases", append(aliases, name))
		}
	}
}

// FixedAddresses tells the addresses that the operator chose, on every network.
func (s Settings) FixedAddresses() []string {
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
	all := append([]string{ipam.IPv4Address, ipam.IPv6Address, mac}, ipam.LinkLocalIPs...)
	return slices.DeleteFunc(all, func(a string) bool { return a == "" })
}
