package definition

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/go-connections/nat"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"

	"edgeman/deployer/docker/inspect"
	"edgeman/deployer/docker/label"
	"edgeman/deployer/docker/rawjson"
)

// EffectiveCommand follows the Engine's rule: the image's command counts only
// when no entrypoint was given, its entrypoint only when none was given.
func EffectiveCommand(entrypoint, cmd []string, img inspect.ImageConfig) ([]string, []string) {
	if len(entrypoint) == 0 {
		if len(cmd) == 0 {
			cmd = img.Config.Cmd
		}
		entrypoint = img.Config.Entrypoint
	}
	if len(entrypoint) == 1 && entrypoint[0] == "" {
		entrypoint = nil
	}
	return entrypoint, cmd
}

// subtractCommand leaves Entrypoint and Cmd in f only where the operator set
// them. The Engine takes the image's command only if neither is given, so an
// entrypoint without a command says as much as one with.
func subtractCommand(f rawjson.Object, c *container.Config, img dockerspec.DockerOCIImageConfig) {
	sameEntrypoint := slices.Equal([]string(c.Entrypoint), img.Entrypoint)
	sameCmd := slices.Equal([]string(c.Cmd), img.Cmd)
	f.Drop("Entrypoint", "Cmd")
	switch {
	case sameEntrypoint && sameCmd:
	case sameEntrypoint && len(c.Cmd) > 0:
		f.Set("Cmd", c.Cmd)
	default:
		ep := []string(c.Entrypoint)
		if len(ep) == 0 {
			ep = []string{""} // the Engine's way to say: none, not even the image's
		}
		f.Set("Entrypoint", ep)
		f.SetFilled("Cmd", c.Cmd)
	}
}

// Extract takes the settings out of a container made from img. hostname is the
// host's own name, which containers on the host's network carry by default.
func Extract(in inspect.Answer, img inspect.ImageConfig, hostname string) (Settings, error) {
	hc, err := HostConfig(in)
	if err != nil {
		return Settings{}, err
	}
	s := Settings{
		Version:    settingsVersion,
		Config:     config(in, img, hostname),
		HostConfig: hc,
		Networks:   Endpoints(in),
	}
	if len(in.Raw.Files) > 0 {
		err = json.Unmarshal(in.Raw.Files, &s.Files)
	}
	return s, err
}

// config is the container's Config without what its image gave it.
func config(in inspect.Answer, img inspect.ImageConfig, hostname string) rawjson.Object {
	c, f := in.Config, in.Raw.Config.Clone()
	// Image and OnBuild belong to the image; the Attach members only tell what
	// the docker command did; Volumes have become named mounts; the MAC address
	// goes with its network.
	f.Drop("Image", "OnBuild", "ArgsEscaped", "AttachStdin", "AttachStdout", "AttachStderr", "Volumes", "MacAddress")
	if defaultHostname(in, hostname) {
		f.Drop("Hostname")
	}
	if in.HostConfig.UTSMode.IsHost() {
		f.Drop("Hostname", "Domainname")
	}
	subtractCommand(f, c, img.Config)
	f.SetFilled("Env", slices.DeleteFunc(slices.Clone(c.Env), func(e string) bool { return slices.Contains(img.Config.Env, e) }))
	labels, ports := maps.Clone(c.Labels), maps.Clone(c.ExposedPorts)
	maps.DeleteFunc(labels, func(k, v string) bool { w, ok := img.Config.Labels[k]; return ok && v == w })
	maps.DeleteFunc(ports, func(p nat.Port, _ struct{}) bool { _, ok := img.Config.ExposedPorts[string(p)]; return ok })
	f.SetFilled("Labels", labels)
	f.SetFilled("ExposedPorts", ports)
	f.SetFilled("Healthcheck", withoutHealth(in.Raw.Config["Healthcheck"], img.Raw.Config["Healthcheck"]))
	// What is left compares member by member: User, WorkingDir, StopSignal,
	// Shell, and whatever a newer Engine inherits from images.
	for k, v := range img.Raw.Config {
		if own, ok := f[k]; ok && k != "Cmd" && k != "Entrypoint" && rawjson.Same(v, own) {
			delete(f, k)
		}
	}
	f.DropZero(container.Config{})
	return f
}

// withoutHealth leaves the members of a health check that the image's does not
// have: the Engine inherits each of them by itself.
func withoutHealth(own, img json.RawMessage) rawjson.Object {
	var o, i rawjson.Object
	if json.Unmarshal(own, &o) != nil {
		return nil
	}
	_ = json.Unmarshal(img, &i)
	for k, v := range o {
		if s, ok := i[k]; (ok && rawjson.Same(v, s)) || rawjson.Empty(v) || string(v) == "0" {
			delete(o, k)
		}
	}
	return o
}

// defaultHostname says whether the daemon chose the container's host name.
func defaultHostname(in inspect.Answer, host string) bool {
	mode := in.HostConfig.NetworkMode
	return len(in.ID) >= 12 && in.Config.Hostname == in.ID[:12] ||
		mode.IsContainer() ||
		mode.IsHost() && in.Config.Hostname == host
}

// OwnMarks is config with what own has of one container alone and a copy must
// not carry: its host name, and the labels by which Compose finds it.
func OwnMarks(config, own rawjson.Object) (rawjson.Object, error) {
	out := config.Clone()
	labels, marks := map[string]string{}, map[string]string{}
	if err := errors.Join(config.Get("Labels", &labels), own.Get("Labels", &marks)); err != nil {
		return nil, err
	}
	for k, v := range marks {
		if label.Owned(k) {
			labels[k] = v
		}
	}
	out.Drop("Hostname")
	out.SetFilled("Labels", labels)
	if name, ok := own["Hostname"]; ok {
		out["Hostname"] = name
	}
	return out, nil
}

// HostConfig is the container's HostConfig as it is sent to make another: with
// its mounts resolved and without what was particular to that one run.
func HostConfig(in inspect.Answer) (rawjson.Object, error) {
	f := in.Raw.HostConfig.Clone()
	f.Drop("ContainerIDFile", "ConsoleSize")
	if err := resolveMounts(f, in); err != nil {
		return nil, err
	}
	f.Set("NetworkMode", inspect.NetworkMode(in.InspectResponse))
	f.SetFilled("Links", legacyLinks(in.HostConfig.Links))
	// An empty list here is `--security-opt systempaths=unconfined`; the usual
	// list is the daemon's own, and a newer daemon's may be longer.
	f.DropZero(container.HostConfig{})
	keepPaths(f, "MaskedPaths", in.HostConfig.MaskedPaths, "/proc/kcore", "/proc/keys", "/proc/timer_list")
	keepPaths(f, "ReadonlyPaths", in.HostConfig.ReadonlyPaths, "/proc/bus", "/proc/fs", "/proc/sys")
	// Engines before 23 spell out these defaults.
	for k, v := range map[string]string{"KernelMemory": "0", "KernelMemoryTCP": "0", "OomKillDisable": "false", "PidsLimit": "0"} {
		if string(f[k]) == v {
			f.Drop(k)
		}
	}
	return f, nil
}

// keepPaths drops a list that looks like the daemon's default: the paths that
// every version has are in it, and nothing outside /proc and /sys.
func keepPaths(f rawjson.Object, member string, list []string, always ...string) {
	missing := func(p string) bool { return !slices.Contains(list, p) }
	others := func(p string) bool { return !strings.HasPrefix(p, "/proc/") && !strings.HasPrefix(p, "/sys/") }
	if list != nil && len(list) == 0 {
		f.Set(member, []string{})
	} else if !slices.ContainsFunc(always, missing) && !slices.ContainsFunc(list, others) {
		f.Drop(member)
	}
}

// legacyLinks turns "/db:/myapp/alias", as inspect shows a link, back into
// "db:alias", as create wants it.
func legacyLinks(links []string) []string {
	var out []string
	for _, l := range links {
		from, to, ok := strings.Cut(l, ":")
		if !ok {
			continue
		}
		out = append(out, strings.TrimPrefix(from, "/")+":"+to[strings.LastIndexByte(to, '/')+1:])
	}
	return out
}
