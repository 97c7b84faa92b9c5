package docker

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
)

// anonymousName is the name the daemon gives to a volume nobody named.
var anonymousName = regexp.MustCompile(`^[0-9a-f]{64}$`)

// resolveMounts rewrites the mounts of a HostConfig so that another container
// gets the very same data: anonymous volumes by the names the daemon gave them,
// and what --volumes-from brought as mounts of its own.
func resolveMounts(f fields, in inspected) error {
	var mounts []fields
	if err := f.get("Mounts", &mounts); err != nil {
		return err
	}
	actual := map[string]container.MountPoint{}
	for _, m := range in.Mounts {
		actual[m.Destination] = m
	}
	covered := map[string]bool{}
	for _, m := range mounts {
		var kind, source, target string
		for key, into := range map[string]*string{"Type": &kind, "Source": &source, "Target": &target} {
			if err := m.get(key, into); err != nil {
				return fmt.Errorf("mounts: %w", err)
			}
		}
		if source == "" && kind == string(mount.TypeVolume) && actual[target].Name != "" {
			m.set("Source", actual[target].Name)
		}
		covered[target] = true
	}
	binds := namedBinds(in.HostConfig.Binds, covered)
	for dest := range in.HostConfig.Tmpfs {
		covered[dest] = true
	}
	for _, m := range in.Mounts {
		if !covered[m.Destination] {
			mounts = append(mounts, mountOf(m))
		}
	}
	f.drop("Mounts", "Binds", "VolumesFrom")
	if len(mounts) > 0 {
		f.set("Mounts", mounts)
	}
	if len(binds) > 0 {
		f.set("Binds", binds)
	}
	return nil
}

// namedBinds keeps the binds that name their source ("/data" alone makes an
// anonymous volume) and marks their destinations.
func namedBinds(binds []string, covered map[string]bool) []string {
	var out []string
	for _, b := range binds {
		if dest := bindDestination(b); dest != "" {
			covered[dest] = true
			out = append(out, b)
		}
	}
	return out
}

// bindDestination is the path inside of "source:destination[:mode]"; neither
// path can hold a colon.
func bindDestination(bind string) string {
	parts := strings.Split(bind, ":")
	if len(parts) < 2 {
		return ""
	}
	if d := strings.TrimRight(parts[1], "/"); d != "" {
		return d
	}
	return "/"
}

// mountOf is the mount that gives another container what m gave this one.
func mountOf(m container.MountPoint) fields {
	f := fields{}
	f.set("Type", m.Type)
	f.set("Target", m.Destination)
	if m.Type == mount.TypeVolume {
		f.set("Source", m.Name)
	} else {
		f.set("Source", m.Source)
	}
	if !m.RW {
		f.set("ReadOnly", true)
	}
	if p := m.Propagation; m.Type == mount.TypeBind && p != "" && p != mount.PropagationRPrivate {
		f.set("BindOptions", map[string]any{"Propagation": p})
	}
	return f
}

// anonymousVolumes are the volumes that live and die with the container: nobody
// named them and no --volumes-from brought them.
func anonymousVolumes(in container.InspectResponse) []container.MountPoint {
	named := map[string]bool{}
	for _, m := range in.HostConfig.Mounts {
		if m.Source != "" {
			named[m.Target] = true
		}
	}
	namedBinds(in.HostConfig.Binds, named)
	ours := map[string]bool{}
	for dest := range in.Config.Volumes {
		ours[dest] = true
	}
	for _, m := range in.HostConfig.Mounts {
		ours[m.Target] = true
	}
	for _, b := range in.HostConfig.Binds {
		if !strings.Contains(b, ":") {
			ours[b] = true
		}
	}
	var out []container.MountPoint
	for _, m := range in.Mounts {
		if m.Type == mount.TypeVolume && anonymousName.MatchString(m.Name) && !named[m.Destination] && ours[m.Destination] {
			out = append(out, m)
		}
	}
	return out
}
