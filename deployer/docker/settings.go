package docker

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/docker/docker/api/types/container"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
)

// settingsVersion is the format of stored settings. It changes only when an
// older edgeman could not read them rightly: one that knows no files would leave
// them out.
const (
	settingsVersion = 1
	versionOfFiles  = 2
)

// settings is a container's configuration apart from its image: what the
// operator asked for, in the Engine's own words, without what the image sets,
// what the daemon found out, and what belongs to one container only (its name,
// image, default host name, assigned addresses). Anonymous volumes are named.
type settings struct {
	Version    int               `json:"version"`
	Config     fields            `json:"config"`
	HostConfig fields            `json:"host_config"`
	Networks   map[string]fields `json:"networks,omitempty"`
	// Sources are the paths of the host that are mounted, and what each was when
	// the container was taken over: "file", "directory", …
	Sources map[string]string `json:"sources,omitempty"`
	Files   []file            `json:"files,omitempty"`
}

func parseSettings(raw json.RawMessage) (settings, error) {
	var s settings
	if err := json.Unmarshal(raw, &s); err != nil {
		return s, fmt.Errorf("read the stored settings: %w", err)
	}
	if s.Version != settingsVersion && s.Version != versionOfFiles {
		return s, fmt.Errorf("the stored settings have version %d, this edgeman knows %d", s.Version, versionOfFiles)
	}
	if s.Config == nil {
		s.Config = fields{}
	}
	if s.HostConfig == nil {
		s.HostConfig = fields{}
	}
	return s, nil
}

func (s settings) bytes() json.RawMessage {
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

// inspected is an inspect answer twice: decoded, for reading, and as sent, for
// carrying.
type inspected struct {
	container.InspectResponse
	raw struct {
		Config          fields
		HostConfig      fields
		NetworkSettings struct{ Networks map[string]fields }
		Files           json.RawMessage `json:"EdgemanFiles"` // what withFiles added
	}
}

// withFiles adds the files that were put into a container to its inspect answer:
// what is made from it has to get them, too.
func withFiles(raw json.RawMessage, files []file) (json.RawMessage, error) {
	if len(files) == 0 {
		return raw, nil
	}
	var whole fields
	if err := json.Unmarshal(raw, &whole); err != nil {
		return nil, fmt.Errorf("read the inspect answer: %w", err)
	}
	whole.set("EdgemanFiles", files)
	return json.Marshal(whole)
}

func readInspect(raw json.RawMessage) (inspected, error) {
	var in inspected
	var err error
	if in.InspectResponse, err = parseInspect(raw); err != nil {
		return in, err
	}
	if err := json.Unmarshal(raw, &in.raw); err != nil {
		return in, fmt.Errorf("read the inspect answer: %w", err)
	}
	return in, nil
}

// imageConfig is an image's configuration, decoded and as sent.
type imageConfig struct {
	ID     string
	Config dockerspec.DockerOCIImageConfig
	raw    struct{ Config fields }
}

func readImage(raw json.RawMessage) (imageConfig, error) {
	var img imageConfig
	// Id is how the Engine spells it; encoding/json does not mind the case.
	if err := json.Unmarshal(raw, &img); err != nil {
		return img, fmt.Errorf("read the image's description: %w", err)
	}
	if err := json.Unmarshal(raw, &img.raw); err != nil {
		return img, fmt.Errorf("read the image's description: %w", err)
	}
	return img, nil
}

// extract takes the settings out of a container made from img. hostname is the
// host's own name, which containers on the host's network carry by default.
func extract(in inspected, img imageConfig, hostname string) (settings, error) {
	hc, err := hostConfig(in)
	if err != nil {
		return settings{}, err
	}
	s := settings{
		Version:    settingsVersion,
		Config:     config(in, img, hostname),
		HostConfig: hc,
		Networks:   endpoints(in),
	}
	if len(in.raw.Files) > 0 {
		err = json.Unmarshal(in.raw.Files, &s.Files)
	}
	return s, err
}

// config is the container's Config without what its image gave it.
func config(in inspected, img imageConfig, hostname string) fields {
	c, f := in.Config, in.raw.Config.clone()
	// Image and OnBuild belong to the image; the Attach members only tell what
	// the docker command did; Volumes have become named mounts; the MAC address
	// goes with its network.
	f.drop("Image", "OnBuild", "ArgsEscaped", "AttachStdin", "AttachStdout", "AttachStderr", "Volumes", "MacAddress")
	if defaultHostname(in, hostname) {
		f.drop("Hostname")
	}
	if in.HostConfig.UTSMode.IsHost() {
		f.drop("Hostname", "Domainname")
	}
	subtractCommand(f, c, img.Config)
	f.drop("Env", "Labels", "ExposedPorts", "Healthcheck")
	f.setFilled("Env", without(c.Env, img.Config.Env))
	f.setFilled("Labels", withoutPairs(c.Labels, img.Config.Labels))
	ports := map[string]struct{}{}
	for p := range c.ExposedPorts {
		if _, ok := img.Config.ExposedPorts[string(p)]; !ok {
			ports[string(p)] = struct{}{}
		}
	}
	f.setFilled("ExposedPorts", ports)
	f.setFilled("Healthcheck", withoutHealth(in.raw.Config["Healthcheck"], img.raw.Config["Healthcheck"]))
	// What is left compares member by member: User, WorkingDir, StopSignal,
	// Shell, and whatever a newer Engine inherits from images.
	for k, v := range img.raw.Config {
		if own, ok := f[k]; ok && k != "Cmd" && k != "Entrypoint" && sameJSON(v, own) {
			delete(f, k)
		}
	}
	f.dropZero(container.Config{})
	return f
}

// subtractCommand leaves Entrypoint and Cmd in f only where the operator set
// them. The Engine takes the image's command only if neither is given, so an
// entrypoint without a command says as much as one with.
func subtractCommand(f fields, c *container.Config, img dockerspec.DockerOCIImageConfig) {
	sameEntrypoint := slices.Equal([]string(c.Entrypoint), img.Entrypoint)
	sameCmd := slices.Equal([]string(c.Cmd), img.Cmd)
	f.drop("Entrypoint", "Cmd")
	switch {
	case sameEntrypoint && sameCmd:
	case sameEntrypoint && len(c.Cmd) > 0:
		f.set("Cmd", c.Cmd)
	default:
		ep := []string(c.Entrypoint)
		if len(ep) == 0 {
			ep = []string{""} // the Engine's way to say: none, not even the image's
		}
		f.set("Entrypoint", ep)
		f.setFilled("Cmd", c.Cmd)
	}
}

// withoutHealth leaves the members of a health check that the image's does not
// have: the Engine inherits each of them by itself.
func withoutHealth(own, img json.RawMessage) fields {
	var o, i fields
	if json.Unmarshal(own, &o) != nil {
		return nil
	}
	_ = json.Unmarshal(img, &i)
	for k, v := range o {
		if s, ok := i[k]; (ok && sameJSON(v, s)) || empty(v) || string(v) == "0" {
			delete(o, k)
		}
	}
	return o
}

// defaultHostname says whether the daemon chose the container's host name.
func defaultHostname(in inspected, host string) bool {
	mode := in.HostConfig.NetworkMode
	return len(in.ID) >= 12 && in.Config.Hostname == in.ID[:12] ||
		mode.IsContainer() ||
		mode.IsHost() && in.Config.Hostname == host
}

// without keeps the entries of own that img does not have, in their order.
func without(own, img []string) []string {
	var out []string
	for _, e := range own {
		if !slices.Contains(img, e) {
			out = append(out, e)
		}
	}
	return out
}

func withoutPairs(own, img map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range own {
		if w, ok := img[k]; !ok || v != w {
			out[k] = v
		}
	}
	return out
}
