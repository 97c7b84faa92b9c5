package docker

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/client"

	"edgeman/deployer/docker/label"
)

// Volume is a volume that settings mount.
type Volume struct{ Name, Target string }

// ShortVolume is a volume's name for people, who have not chosen one of 64 digits.
func ShortVolume(name string) string {
	if anonymousName.MatchString(name) {
		return short(name)
	}
	return name
}

// mounted are the places at which settings mount something.
func (s settings) mounted() (map[string]bool, error) {
	var mounts []mount.Mount
	var binds []string
	tmpfs := map[string]string{}
	for key, into := range map[string]any{"Mounts": &mounts, "Binds": &binds, "Tmpfs": &tmpfs} {
		if err := s.HostConfig.get(key, into); err != nil {
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

// addMounts adds those that are mounted where the settings have nothing yet, and
// returns the volumes among them.
func (s settings) addMounts(more []fields) (added []Volume, err error) {
	covered, err := s.mounted()
	if err != nil {
		return nil, err
	}
	var mounts []fields
	if err := s.HostConfig.get("Mounts", &mounts); err != nil {
		return nil, err
	}
	for _, m := range more {
		var v Volume
		_, _ = m.get("Source", &v.Name), m.get("Target", &v.Target) // ours, or decoded before
		if v.Target = path.Clean(v.Target); !covered[v.Target] {
			covered[v.Target] = true
			mounts, added = append(mounts, m), append(added, v)
		}
	}
	s.HostConfig.setFilled("Mounts", mounts)
	return added, nil
}

// withMounts is addMounts for stored settings, which come back as they were when
// there is nothing to add.
func withMounts(stored json.RawMessage, more []fields) (json.RawMessage, []Volume, error) {
	if len(more) == 0 {
		return stored, nil, nil
	}
	s, err := parseSettings(stored)
	if err != nil {
		return nil, nil, err
	}
	added, err := s.addMounts(more)
	if err != nil {
		return nil, nil, fmt.Errorf("read the stored settings: %w", err)
	}
	if len(added) == 0 {
		return stored, nil, nil
	}
	return s.bytes(), added, nil
}

// volumeMounts are those of settings that mount a volume.
func volumeMounts(stored json.RawMessage) ([]fields, error) {
	s, err := parseSettings(stored)
	if err != nil {
		return nil, err
	}
	var mounts, out []fields
	if err := s.HostConfig.get("Mounts", &mounts); err != nil {
		return nil, fmt.Errorf("read the stored settings: %w", err)
	}
	for _, m := range mounts {
		var kind string
		_ = m.get("Type", &kind)
		if kind == string(mount.TypeVolume) && !empty(m["Source"]) {
			out = append(out, m)
		}
	}
	return out, nil
}

// KeepVolumes adds to settings the volumes that container c has and they do not
// mention: an image may have declared a VOLUME, for which the daemon made an
// anonymous volume, and the next container has to mount the same one.
func KeepVolumes(stored json.RawMessage, c Container) (json.RawMessage, []Volume, error) {
	in, err := readInspect(c.Raw)
	if err != nil {
		return nil, nil, err
	}
	var more []fields
	for _, m := range anonymousVolumes(in.InspectResponse) {
		more = append(more, mountOf(m))
	}
	return withMounts(stored, more)
}

// ShareVolumes adds the volumes of an app's other releases. An app keeps the
// volumes that one of its images has declared for as long as it lives, whatever
// the others declare.
func ShareVolumes(stored json.RawMessage, others ...json.RawMessage) (json.RawMessage, []Volume, error) {
	var more []fields
	for _, o := range others {
		volumes, err := volumeMounts(o)
		if err != nil {
			return nil, nil, err
		}
		more = append(more, volumes...)
	}
	return withMounts(stored, more)
}

// NameVolumes adds a volume of app's for each VOLUME that its image declares and
// nothing is mounted at yet, with what name makes of its place. The daemon would
// make an anonymous one for each container, and with it an empty one.
func NameVolumes(stored json.RawMessage, img Image, app string, name func(target string) string) (json.RawMessage, []Volume, error) {
	var more []fields
	for _, target := range img.Volumes {
		f := fields{}
		f.set("Type", mount.TypeVolume)
		f.set("Source", name(target))
		f.set("Target", target)
		f.set("VolumeOptions", mount.VolumeOptions{Labels: map[string]string{label.App: app}})
		more = append(more, f)
	}
	return withMounts(stored, more)
}

// Named are the volumes in settings that NameVolumes added for app.
func Named(stored json.RawMessage, app string) ([]Volume, error) {
	mounts, err := volumeMounts(stored)
	if err != nil {
		return nil, err
	}
	var out []Volume
	for _, m := range mounts {
		var options mount.VolumeOptions
		var v Volume
		_, _, _ = m.get("VolumeOptions", &options), m.get("Source", &v.Name), m.get("Target", &v.Target)
		if options.Labels[label.App] == app {
			out = append(out, v)
		}
	}
	return out, nil
}

// RemoveVolume deletes a volume that nothing uses. One that is gone is deleted.
func (c *Client) RemoveVolume(ctx context.Context, name string) error {
	err := c.do(ctx, "remove volume", name, func(ctx context.Context, api *client.Client) error {
		if !containerName.MatchString(name) {
			return fmt.Errorf("%q is not the name of a volume", name)
		}
		return api.VolumeRemove(ctx, name, false)
	})
	if isNotFound(err) {
		return nil
	}
	return err
}

var notInVolumeName = regexp.MustCompile(`[^a-zA-Z0-9_.-]+`)

// VolumeName is a name for the volume at target that tells people whose it is;
// unique makes it one of its own.
func VolumeName(app, target, unique string) string {
	place := strings.Trim(notInVolumeName.ReplaceAllString(target, "-"), "-.")
	return strings.Join(slices.DeleteFunc([]string{app, place[:min(len(place), 40)], unique}, func(s string) bool { return s == "" }), "-")
}
