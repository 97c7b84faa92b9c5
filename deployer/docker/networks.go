package docker

import (
	"fmt"
	"slices"
	"strings"
)

// operational are the members of an endpoint that the daemon fills in.
var operational = []string{
	"NetworkID", "EndpointID", "Gateway", "IPAddress", "IPPrefixLen", "IPv6Gateway",
	"GlobalIPv6Address", "GlobalIPv6PrefixLen", "MacAddress", "DNSNames",
}

// endpoints is what the operator asked of each network: aliases, fixed addresses,
// options. The networks host and none have nothing to ask for.
func endpoints(in inspected) map[string]fields {
	primary := networkMode(in.InspectResponse)
	out := map[string]fields{}
	for name, raw := range in.raw.NetworkSettings.Networks {
		if name == "host" || name == "none" {
			continue
		}
		f := raw.clone()
		f.drop(operational...)
		// Before API 1.45 the daemon lists the container's short id as an alias.
		if ep := in.NetworkSettings.Networks[name]; ep != nil {
			f.setFilled("Aliases", otherAliases(ep.Aliases, in.ID))
		}
		for k, v := range f {
			if empty(v) || k == "GwPriority" && string(v) == "0" {
				delete(f, k)
			}
		}
		// The daemon reports a MAC address the operator chose here, and here only.
		if mac := in.raw.Config["MacAddress"]; mac != nil && !empty(mac) && name == primary {
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

// addAlias makes name reach the container on every network that has names.
func addAlias(networks map[string]fields, name string) {
	for network, f := range networks {
		if !userDefined(network) {
			continue
		}
		var aliases []string
		_ = f.get("Aliases", &aliases) // written by endpoints
		if !slices.Contains(aliases, name) {
			f.set("Aliases", append(aliases, name))
		}
	}
}

// userDefined: the daemon resolves names on these networks only.
func userDefined(network string) bool {
	switch network {
	case "bridge", "default", "host", "none", "":
		return false
	}
	return !strings.HasPrefix(network, "container:")
}

// fixedIn tells the addresses that the operator chose, on every network.
func fixedIn(s settings) []string {
	var out []string
	for name, ep := range s.Networks {
		for _, a := range addressesOf(ep) {
			out = append(out, fmt.Sprintf("has the fixed address %s on network %s", a, name))
		}
	}
	return out
}

// addressesOf are those that the operator chose for an endpoint.
func addressesOf(ep fields) []string {
	var ipam struct {
		IPv4Address, IPv6Address string
		LinkLocalIPs             []string
	}
	var mac string
	_ = ep.get("IPAMConfig", &ipam) // both were decoded before
	_ = ep.get("MacAddress", &mac)
	var out []string
	for _, a := range append([]string{ipam.IPv4Address, ipam.IPv6Address, mac}, ipam.LinkLocalIPs...) {
		if a != "" {
			out = append(out, a)
		}
	}
	return out
}
