package definition

import (
	"encoding/json"
	"errors"
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

// Volume is a volume that settings mount.
type Volume struct{ Name, Target string }

// mounted is all that settings mount, in whichever way it was asked for.
func (s Settings) mounted() (out []mount.Mount, err error) {
	var binds []string
	tmpfs := map[string]string{}
	err = errors.Join(s.HostConfig.Get("Mounts", &out), s.HostConfig.Get("Binds", &binds), s.HostConfig.Get("Tmpfs", &tmpfs))
	for _, b := range binds {
		m := mount.Mount{Type: mount.TypeVolume, Target: bindDestination(b)}
		if m.Source, _, _ = strings.Cut(b, ":"); strings.HasPrefix(m.Source, "/") {
			m.Type = mount.TypeBind
		}
		out = append(out, m)
	}
	for dest := range tmpfs {
		out = append(out, mount.Mount{Type: mount.TypeTmpfs, Target: dest})
	}
	return out, err
}

// MountSources are the volumes, or the paths of the host, that settings mount.
func (s Settings) MountSources(kind mount.Type) (out []string, err error) {
	all, err := s.mounted()
	for _, m := range all {
		if m.Type == kind && m.Source != "" {
			out = append(out, m.Source)
		}
	}
	return out, err
}

// AddMounts adds those that are mounted where the settings have nothing yet, and
// returns the volumes among them.
func (s Settings) AddMounts(more []rawjson.Object) (added []Volume, err error) {
	all, err := s.mounted()
	var mounts []rawjson.Object
	if err = errors.Join(err, s.HostConfig.Get("Mounts", &mounts)); err != nil {
		return nil, err
	}
	covered := map[string]bool{}
	for _, m := range all {
		covered[path.Clean(m.Target)] = true
	}
	for _, m := range more {
		var v Volume
		_, _ = m.Get("Source", &v.Name), m.Get("Target", &v.Target) // ours, or decoded before
		if v.Target = path.Clean(v.Target); !covered[v.Target] {
			covered[v.Target] = true
			mounts, added = append(mounts, m), append(added, v)
		}
	}
	s.HostConfig.SetFilled("Mounts", mounts)
	return added, nil
}

// VolumeMounts are those of settings that mount a volume.
func VolumeMounts(stored json.RawMessage) ([]rawjson.Object, error) {
	s, err := Parse(stored)
	if err != nil {
		return nil, err
	}
	var mounts, out []rawjson.Object
	if err := s.HostConfig.Get("Mounts", &mounts); err != nil {
		return nil, fmt.Errorf("read the stored settings: %w", err)
	}
	for _, m := range mounts {
		var kind string
		_ = m.Get("Type", &kind)
		if kind == string(mount.TypeVolume) && !rawjson.Empty(m["Source"]) {
			out = append(out, m)
		}
	}
	return out, nil
}
