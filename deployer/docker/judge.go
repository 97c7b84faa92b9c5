package docker

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sort"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"edgeman/deployer/docker/label"
)

// facts is everything an adoption is judged by.
type facts struct {
	container Container
	in        inspected
	image     imageConfig
	imageGone bool
	hostname  string
	port      uint16           // the app's, inside
	at        []netip.AddrPort // what nginx dials on this host
	others    []container.Summary
	layer     ownLayer          // the writable one
	sources   map[string]string // what is mounted from the host is there; "" when it is not
}

// judge turns facts into the plan that the operator reads. It asks nobody.
func judge(f facts) (Adoption, error) {
	a := Adoption{Container: f.container, Refusals: f.refusals()}
	if f.imageGone {
		return a, nil // without the image there is nothing to compare with
	}
	s, err := extract(f.in, f.image, f.hostname)
	if err != nil {
		return a, err
	}
	if err := f.makeOurs(s); err != nil {
		return a, err
	}
	fixed, err := fixedPorts(s)
	if err != nil {
		return a, err
	}
	s.Files, s.Sources = f.layer.values, f.sources
	if a.Container.Raw, err = withFiles(a.Container.Raw, s.Files); err != nil {
		return a, err
	}
	a.Settings = s.bytes()
	a.Recreate = f.recreate(s, fixed)
	a.Writes = writable(f.in.InspectResponse)
	a.Warnings = f.warnings(s, len(a.Recreate) == 0)
	return a, nil
}

// makeOurs changes what is different for a container that edgeman runs.
func (f facts) makeOurs(s settings) error {
	labels := map[string]string{}
	if err := s.Config.get("Labels", &labels); err != nil {
		return err
	}
	maps.DeleteFunc(labels, func(k, _ string) bool { return label.Owned(k) })
	s.Config.setFilled("Labels", labels)
	if len(f.at) > 0 {
		if err := dropPort(s, f.in, f.port, f.at); err != nil {
			return err
		}
	}
	if err := s.nameJoined(f.names()); err != nil {
		return err
	}
	// edgeman serve restarts the container; the daemon must not do so too.
	s.HostConfig.drop("RestartPolicy", "AutoRemove")
	addAlias(s.Networks, f.container.Name)
	return nil
}

func (f facts) refusals() []Note {
	var out []Note
	refuse := func(code, override, format string, args ...any) {
		out = append(out, Note{code, fmt.Sprintf(format, args...), override})
	}
	ct := f.container
	if ct.Status != "running" {
		refuse(CodeNotRunning, "", "container %s is %s; it has to run to be adopted", ct.Name, ct.Status)
	}
	if by := manager(ct.Labels); by != "" {
		refuse(CodeManaged, "", "container %s belongs to %s, which would replace it", ct.Name, by)
	}
	if app := ct.Labels[label.App]; app != "" {
		refuse(CodeOwn, "", "container %s was made by edgeman for the app %s, which has one port\nhint: this one goes on reaching the container, and fails while it is replaced; edgeman unadopt %s gives it back", ct.Name, app, app)
	}
	if f.imageGone {
		refuse(CodeImageGone, "", "the image of container %s (%s) is gone; pull it, or keep what runs with docker commit", ct.Name, short(ct.ImageID))
	}
	if note, ok := layerRefusal(f.layer, ct.Name); ok {
		out = append(out, note)
	}
	for _, text := range gone(f.sources, f.sources) {
		refuse(CodeSourceGone, "", "container %s: %s", ct.Name, text)
	}
	if anon := anonymousVolumes(f.in.InspectResponse); ct.AutoRemove && len(anon) > 0 {
		refuse(CodeRmVolumes, "--allow-"+CodeRmVolumes,
			"container %s was started with --rm: when it stops, docker deletes it and the anonymous volume at %s",
			ct.Name, anon[0].Destination)
	}
	return out
}

// manager names the orchestrator that owns a container, by its labels.
func manager(labels map[string]string) string {
	switch {
	case labels["com.docker.swarm.service.name"] != "" || labels["com.docker.swarm.task.id"] != "":
		return "a Swarm service"
	case labels["io.kubernetes.pod.name"] != "":
		return "Kubernetes"
	}
	return ""
}

// recreate lists why two copies at the same time are not safe.
func (f facts) recreate(s settings, fixed []string) []string {
	var out []string
	for _, p := range fixed {
		out = append(out, "publishes "+p)
	}
	out = append(out, writable(f.in.InspectResponse)...)
	out = append(out, fixedIn(s)...)
	hc := f.in.HostConfig
	for _, d := range hc.Devices {
		out = append(out, "uses the device "+d.PathOnHost)
	}
	if len(hc.DeviceRequests) > 0 {
		out = append(out, "has devices assigned by a driver (GPUs)")
	}
	if hc.NetworkMode.IsHost() {
		out = append(out, "uses the host's network")
	}
	if hc.NetworkMode.IsContainer() {
		out = append(out, "runs in the network namespace of container "+short(hc.NetworkMode.ConnectedContainer()))
	}
	if joined := f.joined(); len(joined) > 0 {
		out = append(out, "its network namespace is shared by "+strings.Join(joined, ", "))
	}
	sort.Strings(out)
	return out
}

// writable names the mounts that two copies would write to at the same time.
func writable(in container.InspectResponse) []string {
	var out []string
	anon := map[string]bool{}
	for _, m := range anonymousVolumes(in) {
		anon[m.Destination] = true
	}
	for _, m := range in.Mounts {
		switch {
		case m.Type == mount.TypeTmpfs || m.Type == mount.TypeImage || !m.RW && !anon[m.Destination]:
		case anon[m.Destination]:
			out = append(out, fmt.Sprintf("keeps data in an anonymous volume at %s", m.Destination))
		case m.Type == mount.TypeVolume:
			out = append(out, fmt.Sprintf("writes to the volume %s at %s", ShortVolume(m.Name), m.Destination))
		default:
			out = append(out, fmt.Sprintf("writes to %s at %s", m.Source, m.Destination))
		}
	}
	return out
}

// names are those of the containers of this host, by their ids.
func (f facts) names() map[string]string {
	out := map[string]string{}
	for _, o := range f.others {
		out[o.ID] = nameOf(o)
	}
	return out
}

// joined are the names of the containers that run in this one's network namespace.
func (f facts) joined() []string {
	var out []string
	for _, o := range f.others {
		mode, ok := strings.CutPrefix(o.HostConfig.NetworkMode, "container:")
		if ok && (mode == f.container.Name || strings.HasPrefix(f.container.ID, mode)) {
			out = append(out, nameOf(o))
		}
	}
	return out
}

func nameOf(s container.Summary) string {
	for _, n := range s.Names {
		if n = strings.TrimPrefix(n, "/"); !strings.Contains(n, "/") {
			return n // one with a slash is a legacy link
		}
	}
	return short(s.ID)
}

func short(id string) string {
	id = strings.TrimPrefix(id, "sha256:")
	if len(id) > 12 {
		return id[:12]
	}
	return id
}

func some(list []string) string {
	const most = 5
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return strings.Join(slices.Clone(list[:most]), ", ") + ", …"
}
