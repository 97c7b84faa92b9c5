package docker

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
)

// anonymousName is the name the daemon gives to a volume nobody named.
var anonymousName = regexp.MustCompile(`^[0-9a-f]{64}$`)

// resolveMounts rewrites the mounts of a HostConfig so that another container
// gets the very same data: anonymous volumes by the names the daemon gave them,
// what --volumes-from brought as mounts of its own, and directories of the host
// in the form for which the daemon never makes one that is missing.
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
		target, err := resolveMount(m, actual)
		if err != nil {
			return fmt.Errorf("mounts: %w", err)
		}
		covered[target] = true
	}
	var binds []string
	for _, b := range in.HostConfig.Binds {
		dest := bindDestination(b)
		if dest == "" {
			continue // "/data" alone makes an anonymous volume
		}
		covered[dest] = true
		if m := mountOfBind(b); m != nil {
			mounts = append(mounts, m)
		} else {
			binds = append(binds, b)
		}
	}
	for dest := range in.HostConfig.Tmpfs {
		covered[path.Clean(dest)] = true
	}
	for _, m := range in.Mounts {
		if !covered[m.Destination] {
			mounts = append(mounts, mountOf(m))
		}
	}
	f.drop("VolumesFrom")
	f.setFilled("Mounts", mounts)
	f.setFilled("Binds", binds)
	return nil
}

// resolveMount completes one entry of Mounts and returns where it is mounted: as
// the daemon sees it, which takes "/data/" and "/data" for the same place.
func resolveMount(m fields, actual map[string]container.MountPoint) (target string, err error) {
	var kind, source string
	for key, into := range map[string]*string{"Type": &kind, "Source": &source, "Target": &target} {
		if err := m.get(key, into); err != nil {
			return "", err
		}
	}
	target = path.Clean(target)
	m.set("Target", target)
	if source == "" && kind == string(mount.TypeVolume) && actual[target].Name != "" {
		m.set("Source", actual[target].Name)
	}
	var options fields
	if err := m.get("BindOptions", &options); err != nil {
		return "", err
	}
	if _, ok := options["CreateMountpoint"]; ok {
		options.drop("CreateMountpoint")
		m.set("BindOptions", options)
	}
	return target, nil
}

// mountOfBind says "/source:/target[:options]" in the form for which the daemon
// does not make a source that is missing. nil for the name of a volume, and for
// options that the other form cannot say (SELinux labels).
func mountOfBind(bind string) fields {
	parts := strings.Split(bind, ":")
	if len(parts) < 2 || !strings.HasPrefix(parts[0], "/") {
		return nil
	}
	f := fields{}
	f.set("Type", mount.TypeBind)
	f.set("Source", parts[0])
	f.set("Target", bindDestination(bind))
	if len(parts) < 3 {
		return f
	}
	for _, o := range strings.Split(parts[2], ",") {
		switch {
		case o == "" || o == "rw":
		case o == "ro":
			f.set("ReadOnly", true)
		case slices.Contains(mount.Propagations, mount.Propagation(o)):
			f.set("BindOptions", map[string]any{"Propagation": o})
		case o == "consistent" || o == "cached" || o == "delegated":
			f.set("Consistency", o)
		default:
			return nil
		}
	}
	return f
}

// bindDestination is the path inside of "source:destination[:mode]"; neither
// path can hold a colon.
func bindDestination(bind string) string {
	parts := strings.Split(bind, ":")
	if len(parts) < 2 {
		return ""
	}
	return path.Clean(parts[1])
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
	named, ours := map[string]bool{}, map[string]bool{}
	for dest := range in.Config.Volumes {
		ours[path.Clean(dest)] = true
	}
	for _, m := range in.HostConfig.Mounts {
		target := path.Clean(m.Target)
		ours[target] = true
		named[target] = m.Source != ""
	}
	for _, b := range in.HostConfig.Binds {
		if dest := bindDestination(b); dest != "" {
			named[dest] = true
		} else {
			ours[path.Clean(b)] = true
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
