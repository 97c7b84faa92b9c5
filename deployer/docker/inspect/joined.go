package inspect

import (
	"encoding/json"
	"fmt"
	"strings"
)

// A container that runs in the namespaces of another one is tied to that one's
// life: the daemon notes the other's id, and one that was made anew under the
// same name is another container.

// Joining are the members of a HostConfig that can name another container.
var Joining = []string{"NetworkMode", "PidMode", "IpcMode"}

// Joined are the ids of the containers whose namespaces this one was made to join.
func (ct Container) Joined() []string {
	var in struct{ HostConfig map[string]json.RawMessage }
	_ = json.Unmarshal(ct.Raw, &in) // the daemon's own answer
	var ids []string
	for _, member := range Joining {
		var mode string
		_ = json.Unmarshal(in.HostConfig[member], &mode)
		if id, ok := strings.CutPrefix(mode, "container:"); ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// Join takes over the network namespace of the container this one runs in.
func (ct *Container) Join(raw []byte) error {
	in, err := Decode(raw)
	if err != nil {
		return err
	}
	ct.SandboxKey = in.NetworkSettings.SandboxKey
	ct.Networks = networks(in)
	name := strings.TrimPrefix(in.Name, "/")
	switch {
	case !in.State.Running:
		ct.CutOff("container %s, whose network it has joined, does not run", name)
	case ParseTime(in.State.StartedAt).After(ct.Started):
		ct.CutOff("container %s, whose network it has joined, was started again", name)
	}
	return nil
}

// CutOff says that the network namespace in which the container runs is nobody
// else's any more. There is no way to it from outside.
func (ct *Container) CutOff(format string, args ...any) {
	ct.SandboxKey, ct.Networks = "", nil
	ct.Adrift = fmt.Sprintf(format, args...)
}
