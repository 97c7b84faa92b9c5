package definition

import (
	"encoding/json"
	"sort"
	"strings"

	"github.com/docker/docker/api/types/container"

	"edgeman/deployer/docker/inspect"
)

// NameJoined makes settings name the containers whose namespaces are joined,
// by names where inspect has their ids: a name still leads to one that was made
// anew.
func (s Settings) NameJoined(names map[string]string) error {
	for _, member := range inspect.Joining {
		var mode string
		if err := s.HostConfig.Get(member, &mode); err != nil {
			return err
		}
		id, ok := strings.CutPrefix(mode, "container:")
		if name := names[id]; ok && name != "" {
			s.HostConfig.Set(member, "container:"+name)
		}
	}
	return nil
}

// Joins is the container whose network one with these settings joins; empty if
// it joins none.
func Joins(stored json.RawMessage) string {
	s, err := Parse(stored)
	if err != nil {
		return ""
	}
	var mode container.NetworkMode
	_ = s.HostConfig.Get("NetworkMode", &mode) // written by Extract
	return mode.ConnectedContainer()
}

// Single says why two containers with these settings cannot exist
// beside each other at all; empty when they can. Whether two that write to the
// same place should is another question, see adoptable.Adoption.
func Single(raw json.RawMessage) ([]string, error) {
	s, err := Parse(raw)
	if err != nil {
		return nil, err
	}
	ports, err := s.FixedPorts()
	if err != nil {
		return nil, err
	}
	out := append(ports, s.FixedAddresses()...)
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
