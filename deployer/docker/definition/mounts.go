package definition

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"edgeman/deployer/docker/inspect"
	"edgeman/deployer/docker/rawjson"
)

// AnonymousName is the name the daemon gives to a volume nobody named.
var AnonymousName = regexp.MustCompile(`^[0-9a-f]{64}$`)

// AnonymousVolumes are the volumes that live and die with the container: nobody
// named them and no --volumes-from brought them.
func AnonymousVolumes(in container.InspectResponse) []container.MountPoint {
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
		if m.Type == mount.TypeVolume && AnonymousName.MatchString(m.Name) && !named[m.Destination] && ours[m.Destination] {
			out = append(out, m)
		}
	}
	return out
}

// Short is a volume's name for people, who have not chosen one of 64 digits.
func Short(name string) string {
	if AnonymousName.MatchString(name) {
		return inspect.Short(name)
	}
	return name
}

// resolveMounts rewrites the mounts of a HostConfig so that another container
// gets the very same data: anonymous volumes by the names the daemon gave them,
// what --volumes-from brought as mounts of its own, and directories of the host
// in the form for which the daemon never makes one that is missing.
func resolveMounts(f rawjson.Object, in inspect.Answer) error {
	var mounts []rawjson.Object
	if err := f.Get("Mounts", &mounts); err != nil {
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
			mounts = append(mounts, MountOf(m))
		}
	}
	f.Drop("VolumesFrom")
	f.SetFilled("Mounts", mounts)
	f.SetFilled("Binds", binds)
	return nil
}

// resolveMount completes one entry of Mounts and returns where it is mounted: as
// the daemon sees it, which takes "/data/" and "/data" for the same place.
func resolveMount(m rawjson.Object, actual map[string]container.MountPoint) (target string, err error) {
	var kind, source string
	for key, into := range map[string]*string{"Type": &kind, "Source": &source, "Target": &target} {
		if err := m.Get(key, into); err != nil {
			return "", err
		}
	}
	target = path.Clean(target)
	m.Set("Target", target)
	if source == "" && kind == string(mount.TypeVolume) && actual[target].Name != "" {
		m.Set("Source", actual[target].Name)
	}
	var options rawjson.Object
	if err := m.Get("BindOptions", &options); err != nil {
		return "", err
	}
	if _, ok := options["CreateMountpoint"]; ok {
		options.Drop("CreateMountpoint")
		m.Set("BindOptions", options)
	}
	return target, nil
}

// mountOfBind says "/source:/target[:options]" in the form for which the daemon
// does not make a source that is missing. nil for the name of a volume, and for
// options that the other form cannot say (SELinux labels).
func mountOfBind(bind string) rawjson.Object {
	parts := strings.Split(bind, ":")
	if len(parts) < 2 || !strings.HasPrefix(parts[0], "/") {
		return nil
	}
	f := rawjson.Object{}
	f.Set("Type", mount.TypeBind)
	f.Set("Source", parts[0])
	f.Set("Target", bindDestination(bind))
	if len(parts) < 3 {
		return f
	}
	for _, o := range strings.Split(parts[2], ",") {
		switch {
		case o == "" || o == "rw":
		case o == "ro":
			f.Set("ReadOnly", true)
		case slices.Contains(mount.Propagations, mount.Propagation(o)):
			f.Set("BindOptions", map[string]any{"Propagation": o})
		case o == "consistent" || o == "cached" || o == "delegated":
			f.Set("Consistency", o)
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

// MountOf is the mount that gives another container what m gave this one.
func MountOf(m container.MountPoint) rawjson.Object {
	f := rawjson.Object{}
	f.Set("Type", m.Type)
	f.Set("Target", m.Destination)
	if m.Type == mount.TypeVolume {
		f.Set("Source", m.Name)
	} else {
		f.Set("Source", m.Source)
	}
	if !m.RW {
		f.Set("ReadOnly", true)
	}
	if p := m.Propagation; m.Type == mount.TypeBind && p != "" && p != mount.PropagationRPrivate {
		f.Set("BindOptions", map[string]any{"Propagation": p})
	}
	return f
}
