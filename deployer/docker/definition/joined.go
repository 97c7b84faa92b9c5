package definition

import (
	"encoding/json"
	"strings"

	"edgeman/deployer/docker/inspect"
)

// NameJoined makes settings name the containers whose namespaces are joined,
// where inspect has their ids, by those names: a name still leads to one that was made anew.
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
	var mode string
	_ = s.HostConfig.Get("NetworkMode", &mode) // written by extract
	name, _ := strings.CutPrefix(mode, "container:")
	if name == mode {
		return ""
	}
	return name
}
