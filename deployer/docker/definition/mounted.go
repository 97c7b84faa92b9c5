package definition

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"github.com/docker/docker/api/types/mount"

	"edgeman/deployer/docker/rawjson"
)

// VolumeNames are the volumes that settings mount.
func VolumeNames(s Settings) []string {
	var out, binds []string
	var mounts []struct{ Type, Source string }
	_ = s.HostConfig.Get("Mounts", &mounts) // both were decoded before
	_ = s.HostConfig.Get("Binds", &binds)
	for _, m := range mounts {
		if m.Type == "volume" && m.Source != "" {
			out = append(out, m.Source)
		}
	}
	for _, b := range binds {
		if source, _, ok := strings.Cut(b, ":"); ok && !strings.HasPrefix(source, "/") {
			out = append(out, source)
		}
	}
	return out
}

// Volume is a volume that settings mount.
type Volume struct{ Name, Target string }

// mounted are the places at which settings mount something.
func (s Settings) mounted() (map[string]bool, error) {
	var mounts []mount.Mount
	var binds []string
	tmpfs := map[string]string{}
	for key, into := range map[string]any{"Mounts": &mounts, "Binds": &binds, "Tmpfs": &tmpfs} {
		if err := s.HostConfig.Get(key, into); err != nil {
			return nil, err
		}
	}
	out := map[string]bool{}
	for _, m := range mounts {
		out[path.Clean(m.Target)] = true
	}
	for _, b := range binds {
		out[bindDestination(b)] = true
	}
	for dest := range tmpfs {
		out[path.Clean(dest)] = true
	}
	return out, nil
}

// AddMounts adds those that are mounted where the settings have nothing yet, and
// returns the volumes among them.
func (s Settings) AddMounts(more []rawjson.Object) (added []Volume, err error) {
	covered, err := s.mounted()
	if err != nil {
		return nil, err
	}
	var mounts []rawjson.Object
	if err := s.HostConfig.Get("Mounts", &mounts); err != nil {
		return nil, err
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
