package docker

import (
	"encoding/json"
	"fmt"
	"strings"
)

// A container that runs in the namespaces of another one is tied to that one's
// life: the daemon notes the other's id, and one that was made anew under the
// same name is another container.

// joining are the members of a HostConfig that can name another container.
var joining = []string{"NetworkMode", "PidMode", "IpcMode"}

// nameJoined makes settings name the containers whose namespaces are joined,
// where inspect has their ids, by those names: a name still leads to one that was made anew.
func (s settings) nameJoined(names map[string]string) error {
	for _, member := range joining {
		var mode string
		if err := s.HostConfig.get(member, &mode); err != nil {
			return err
		}
		id, ok := strings.CutPrefix(mode, "container:")
		if name := names[id]; ok && name != "" {
			s.HostConfig.set(member, "container:"+name)
		}
	}
	return nil
}

// Joined are the ids of the containers whose namespaces this one was made to join.
func (ct Container) Joined() []string {
	var in struct{ HostConfig map[string]json.RawMessage }
	_ = json.Unmarshal(ct.Raw, &in) // the daemon's own answer
	var ids []string
	for _, member := range joining {
		var mode string
		_ = json.Unmarshal(in.HostConfig[member], &mode)
		if id, ok := strings.CutPrefix(mode, "container:"); ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// join takes over the network namespace of the container this one runs in.
func (ct *Container) join(raw []byte) error {
	in, err := parseInspect(raw)
	if err != nil {
		return err
	}
	ct.SandboxKey = in.NetworkSettings.SandboxKey
	ct.Networks = networks(in)
	name := strings.TrimPrefix(in.Name, "/")
	switch {
	case !in.State.Running:
		ct.adrift("container %s, whose network it has joined, does not run", name)
	case parseTime(in.State.StartedAt).After(ct.Started):
		ct.adrift("container %s, whose network it has joined, was started again", name)
	}
	return nil
}

// adrift says that the network namespace in which the container runs is nobody
// else's any more. There is no way to it from outside.
func (ct *Container) adrift(format string, args ...any) {
	ct.SandboxKey, ct.Networks = "", nil
	ct.Adrift = fmt.Sprintf(format, args...)
}

// Joins is the container whose network one with these settings joins; empty if
// it joins none.
func Joins(stored json.RawMessage) string {
	s, err := parseSettings(stored)
	if err != nil {
		return ""
	}
	var mode string
	_ = s.HostConfig.get("NetworkMode", &mode) // written by extract
	name, _ := strings.CutPrefix(mode, "container:")
	if name == mode {
		return ""
	}
	return name
}
