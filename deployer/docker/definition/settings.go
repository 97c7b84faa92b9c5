// Package definition takes out of an inspect answer what the operator asked for:
// the settings that a release stores, and from which another container is made
// with any image. They are raw JSON (see package rawjson), in the Engine's own
// words. It asks no daemon; of the host it looks at what is mounted from it.
package definition

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"

	"github.com/docker/docker/api/types/container"

	"edgeman/deployer/docker/inspect"
	"edgeman/deployer/docker/layer"
	"edgeman/deployer/docker/rawjson"
)

// WithFiles adds the files that were put into a container to its inspect answer:
// what is made from it has to get them, too.
func WithFiles(raw json.RawMessage, files []layer.File) (json.RawMessage, error) {
	if len(files) == 0 {
		return raw, nil
	}
	var whole rawjson.Object
	if err := json.Unmarshal(raw, &whole); err != nil {
		return nil, fmt.Errorf("read the inspect answer: %w", err)
	}
	whole.Set("EdgemanFiles", files)
	return json.Marshal(whole)
}

// settingsVersion is the format of stored settings. It changes only when an
// older edgeman could not read them rightly: one that knows no files would leave
// them out.
const (
	settingsVersion = 1
	versionOfFiles  = 2
)

// Settings is a container's configuration apart from its image: what the
// operator asked for, in the Engine's own words, without what the image sets,
// what the daemon found out, and what belongs to one container only (its name,
// image, default host name, assigned addresses). Anonymous volumes are named.
type Settings struct {
	Version    int                       `json:"version"`
	Config     rawjson.Object            `json:"config"`
	HostConfig rawjson.Object            `json:"host_config"`
	Networks   map[string]rawjson.Object `json:"networks,omitempty"`
	// Sources are the paths of the host that are mounted, and what each was when
	// the container was taken over: "file", "directory", …
	Sources map[string]string `json:"sources,omitempty"`
	Files   []layer.File      `json:"files,omitempty"`
}

// Parse reads settings as a release stores them.
func Parse(raw json.RawMessage) (Settings, error) {
	var s Settings
	if err := json.Unmarshal(raw, &s); err != nil {
		return s, fmt.Errorf("read the stored settings: %w", err)
	}
	if s.Version != settingsVersion && s.Version != versionOfFiles {
		return s, fmt.Errorf("the stored settings have version %d, this edgeman knows %d", s.Version, versionOfFiles)
	}
	if s.Config == nil {
		s.Config = rawjson.Object{}
	}
	if s.HostConfig == nil {
		s.HostConfig = rawjson.Object{}
	}
	return s, nil
}

// Bytes are the settings as a release stores them.
func (s Settings) Bytes() json.RawMessage {
	s.Version = settingsVersion
	if len(s.Files) > 0 {
		s.Version = versionOfFiles
	}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("docker: encode settings: %v", err)) // made of valid JSON only
	}
	return b
}

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
