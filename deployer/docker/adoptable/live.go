package adoptable

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"edgeman/deployer/docker/definition"
	"edgeman/deployer/docker/inspect"
	"edgeman/deployer/docker/layer"
)

// Live is what a command has to know of a container before it replaces it.
type Live struct {
	// Settings are those it was made of, with what has changed on it since then
	// and what was put into it.
	Settings json.RawMessage
	// Refusals keep it from being replaced, each unless its Override was given.
	Refusals []Note
	Changed  []string // what Settings have that it was not made with
	Notes    []string // what does not go along
	Recreate []string // why the next one must not run beside it, for what is new
}

// Compare takes what has changed on a container into its settings.
func Compare(s definition.Settings, in inspect.Answer, layer layer.Layer) (Live, error) {
	name := strings.TrimPrefix(in.Name, "/")
	var l Live
	if note, ok := layerRefusal(layer, name); ok {
		l.Refusals = append(l.Refusals, note)
	}
	now, err := definition.HostConfig(in)
	if err != nil {
		return l, err
	}
	l.Changed = append(l.Changed, s.TakeLimits(now)...)
	var primary string
	_ = now.Get("NetworkMode", &primary) // set by HostConfig
	fixed := s.FixedAddresses()
	changed, lost := s.TakeNetworks(definition.Endpoints(in), primary)
	l.Changed = append(l.Changed, changed...)
	l.Notes = append(l.Notes, lost...)
	for _, f := range s.FixedAddresses() {
		if !slices.Contains(fixed, f) {
			l.Recreate = append(l.Recreate, f)
		}
	}
	if p := inspect.RestartPolicy(in.HostConfig.RestartPolicy); p != "no" {
		l.Notes = append(l.Notes, fmt.Sprintf("container %s has the restart policy %s by now, and the next one has none: edgeman itself starts it again", name, p))
	}
	l.Changed = append(l.Changed, s.TakeFiles(layer.Values)...)
	l.Settings = s.Bytes()
	return l, nil
}
