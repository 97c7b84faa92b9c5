// Package volume keeps an app's volumes: it adds to stored settings those that
// another container or release has, and those that an image declares. It asks
// nobody and removes nothing.
package volume

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/mount"

	"edgeman/deployer/docker/definition"
	"edgeman/deployer/docker/inspect"
	"edgeman/deployer/docker/label"
	"edgeman/deployer/docker/rawjson"
)

// KeepHeld adds to settings the volumes without a name that holder holds and they
// do not mention: the daemon gave them to a container that is gone.
func KeepHeld(stored json.RawMessage, holder inspect.Container) (json.RawMessage, []definition.Volume, error) {
	in, err := inspect.ReadAnswer(holder.Raw)
	if err != nil {
		return nil, nil, err
	}
	var more []rawjson.Object
	for _, m := range in.Mounts {
		if m.Type == mount.TypeVolume && definition.AnonymousName.MatchString(m.Name) {
			m.RW = true // the holder's own is not
			more = append(more, definition.MountOf(m))
		}
	}
	return withMounts(stored, more)
}

// withMounts is addMounts for stored settings, which come back as they were when
// there is nothing to add.
func withMounts(stored json.RawMessage, more []rawjson.Object) (json.RawMessage, []definition.Volume, error) {
	if len(more) == 0 {
		return stored, nil, nil
	}
	s, err := definition.Parse(stored)
	if err != nil {
		return nil, nil, err
	}
	added, err := s.AddMounts(more)
	if err != nil {
		return nil, nil, fmt.Errorf("read the stored settings: %w", err)
	}
	if len(added) == 0 {
		return stored, nil, nil
	}
	return s.Bytes(), added, nil
}

// Keep adds to settings the volumes that container c has and they do not
// mention: an image may have declared a VOLUME, for which the daemon made an
// anonymous volume, and the next container has to mount the same one.
func Keep(stored json.RawMessage, c inspect.Container) (json.RawMessage, []definition.Volume, error) {
	in, err := inspect.ReadAnswer(c.Raw)
	if err != nil {
		return nil, nil, err
	}
	var more []rawjson.Object
	for _, m := range definition.AnonymousVolumes(in.InspectResponse) {
		more = append(more, definition.MountOf(m))
	}
	return withMounts(stored, more)
}

// Share adds the volumes of an app's other releases. An app keeps the
// volumes that one of its images has declared for as long as it lives, whatever
// the others declare.
func Share(stored json.RawMessage, others ...json.RawMessage) (json.RawMessage, []definition.Volume, error) {
	var more []rawjson.Object
	for _, o := range others {
		volumes, err := definition.VolumeMounts(o)
		if err != nil {
			return nil, nil, err
		}
		more = append(more, volumes...)
	}
	return withMounts(stored, more)
}

// AddDeclared adds a volume of app's for each VOLUME that its image declares and
// nothing is mounted at yet, with what name makes of its place. The daemon would
// make an anonymous one for each container, and with it an empty one.
func AddDeclared(stored json.RawMessage, img inspect.Image, app string, name func(target string) string) (json.RawMessage, []definition.Volume, error) {
	var more []rawjson.Object
	for _, target := range img.Volumes {
		f := rawjson.Object{}
		f.Set("Type", mount.TypeVolume)
		f.Set("Source", name(target))
		f.Set("Target", target)
		f.Set("VolumeOptions", mount.VolumeOptions{Labels: map[string]string{label.App: app}})
		more = append(more, f)
	}
	return withMounts(stored, more)
}

// Declared are the volumes in settings that AddDeclared added for app.
func Declared(stored json.RawMessage, app string) ([]definition.Volume, error) {
	mounts, err := definition.VolumeMounts(stored)
	if err != nil {
		return nil, err
	}
	var out []definition.Volume
	for _, m := range mounts {
		var options mount.VolumeOptions
		var v definition.Volume
		_, _, _ = m.Get("VolumeOptions", &options), m.Get("Source", &v.Name), m.Get("Target", &v.Target)
		if options.Labels[label.App] == app {
			out = append(out, v)
		}
	}
	return out, nil
}

var notInVolumeName = regexp.MustCompile(`[^a-zA-Z0-9_.-]+`)

// NewName is a name for the volume at target that tells people whose it is;
// unique makes it one of its own.
func NewName(app, target, unique string) string {
	place := strings.Trim(notInVolumeName.ReplaceAllString(target, "-"), "-.")
	return strings.Join(slices.DeleteFunc([]string{app, place[:min(len(place), 40)], unique}, func(s string) bool { return s == "" }), "-")
}
