package definition

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/docker/docker/api/types/mount"

	"edgeman/deployer/docker/rawjson"
)

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
