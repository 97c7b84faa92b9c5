package definition

import (
	"encoding/json"
	"sort"

	"github.com/docker/docker/api/types/container"

	"edgeman/deployer/docker/inspect"
)

// Single says why two containers with these settings, from Adopt, cannot exist
// beside each other at all; empty when they can. Whether two that write to the
// same place should is another question, see Adoption.Recreate.
func Single(raw json.RawMessage) ([]string, error) {
	s, err := Parse(raw)
	if err != nil {
		return nil, err
	}
	ports, err := FixedPorts(s)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, p := range ports {
		out = append(out, "publishes "+p)
	}
	out = append(out, FixedAddresses(s)...)
	var mode container.NetworkMode
	if err := s.HostConfig.Get("NetworkMode", &mode); err != nil {
		return nil, err
	}
	switch {
	case mode.IsHost():
		out = append(out, "uses the host's network")
	case mode.IsContainer():
		out = append(out, "runs in the network namespace of container "+inspect.Short(mode.ConnectedContainer()))
	}
	sort.Strings(out)
	return out, nil
}
