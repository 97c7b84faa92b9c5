package adoptable

import (
	"fmt"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"edgeman/deployer/docker/definition"
	"edgeman/deployer/docker/inspect"
)

// stopFirst lists why two copies at the same time are not safe.
func (f Facts) stopFirst(s definition.Settings, ports []string) []string {
	out := slices.Concat(ports, writable(f.In.InspectResponse), s.FixedAddresses())
	hc := f.In.HostConfig
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
		out = append(out, "runs in the network namespace of container "+inspect.Short(hc.NetworkMode.ConnectedContainer()))
	}
	if joined := f.joined(); len(joined) > 0 {
		out = append(out, "its network namespace is shared by "+strings.Join(joined, ", "))
	}
	slices.Sort(out)
	return out
}

// writable names the mounts that two copies would write to at the same time.
func writable(in container.InspectResponse) []string {
	var out []string
	anon := map[string]bool{}
	for _, m := range definition.AnonymousVolumes(in) {
		anon[m.Destination] = true
	}
	for _, m := range in.Mounts {
		switch {
		case m.Type == mount.TypeTmpfs || m.Type == mount.TypeImage || !m.RW && !anon[m.Destination]:
		case anon[m.Destination]:
			out = append(out, fmt.Sprintf("keeps data in an anonymous volume at %s", m.Destination))
		case m.Type == mount.TypeVolume:
			out = append(out, fmt.Sprintf("writes to the volume %s at %s", definition.Short(m.Name), m.Destination))
		default:
			out = append(out, fmt.Sprintf("writes to %s at %s", m.Source, m.Destination))
		}
	}
	return out
}

// joined are the names of the containers that run in this one's network namespace.
func (f Facts) joined() []string {
	var out []string
	for _, o := range f.Others {
		mode, ok := strings.CutPrefix(o.HostConfig.NetworkMode, "container:")
		if ok && (mode == f.Container.Name || strings.HasPrefix(f.Container.ID, mode)) {
			out = append(out, inspect.NameOf(o))
		}
	}
	return out
}
