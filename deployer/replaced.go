package deployer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/docker/adoptable"
	"edgeman/deployer/docker/definition"
	"edgeman/deployer/docker/volume"
	"edgeman/deployer/hint"
	"edgeman/deployer/state"
	"edgeman/deployer/words"
	"edgeman/sockets"
)

// judgeReplaced looks at the containers that are about to go: what only they
// have is refused to be lost, and what has changed on them since they were made
// is in the settings that come back.
func (h *Host) judgeReplaced(ctx context.Context, app state.App, slot sockets.Slot, r state.Release, allow []string) (adoptable.Live, error) {
	out := adoptable.Live{Settings: r.Settings}
	for i, name := range r.Containers(slot.Color) {
		live, err := h.Docker.Live(ctx, name, r.Settings)
		if errors.Is(err, docker.ErrNotFound) {
			if i == 0 { // somebody removed it; while its app rests, its volumes are held
				out.Settings, err = h.volumesHeld(ctx, r.Holder(slot.Color), out.Settings)
			}
			if err == nil || errors.Is(err, docker.ErrNotFound) {
				continue
			}
		}
		if err != nil {
			return out, err
		}
		if err := h.refuseLoss(app, live, allow); err != nil {
			return out, err
		}
		if i == 0 {
			out = live
			continue
		}
		out.Notes = append(out.Notes, live.Notes...)
		if !slices.Equal(live.Changed, out.Changed) {
			out.Notes = append(out.Notes, fmt.Sprintf("what was changed on %s goes with it, only what was changed on the first container is kept: %s", name, words.OrDash(strings.Join(live.Changed, ", "))))
		}
	}
	return out, nil
}

// volumesHeld are settings with the volumes that a holder has.
func (h *Host) volumesHeld(ctx context.Context, holder string, settings json.RawMessage) (json.RawMessage, error) {
	c, err := h.Docker.Inspect(ctx, holder)
	if err != nil {
		return settings, err
	}
	settings, _, err = volume.KeepHeld(settings, c)
	return settings, err
}

// refuseLoss keeps a command from taking data away, unless its operator, or the
// app file, accepts that.
func (h *Host) refuseLoss(app state.App, live adoptable.Live, allow []string) error {
	for _, n := range live.Refusals {
		if slices.Contains(allow, n.Code) || n.Code == adoptable.CodeWritableLayer && app.AllowLayer {
			continue
		}
		return hint.With(refuse("%s", n.Text),
			"%s accepts that they go with it; allow_writable_layer = true in %s always", n.Override, h.Paths.AppConfig(app.Name))
	}
	return nil
}

// takeOver puts what has changed on the live container into the next release.
func (s *swap) takeOver(live adoptable.Live) {
	s.notes(live.Notes)
	s.next.Settings = live.Settings
	s.next.Recreate = append(slices.Clip(s.next.Recreate), live.Recreate...)
	if len(live.Changed) > 0 {
		s.step("settings", "changed on the live container since it was made, and kept: %s", strings.Join(live.Changed, ", "))
	}
}

// sayLost tells what a release that runs as it was recorded does not keep.
func (s *swap) sayLost(live adoptable.Live) {
	s.notes(live.Notes)
	if len(live.Changed) > 0 {
		s.note("release %d runs as it was recorded, without what has changed on the live container since it was made: %s",
			s.next.Number, strings.Join(live.Changed, ", "))
		s.hint("edgeman swap %s %s keeps that", s.app.Name, s.next.Image)
	}
}

// shareVolumes gives the next release the volumes of all releases of the app.
func (s *swap) shareVolumes() error {
	settings, added, err := s.withVolumes(s.next)
	if err != nil {
		return err
	}
	s.next.Settings = settings
	s.next.Recreate = writesTo(s.next.Recreate, added)
	return nil
}

// withVolumes are r's settings with the volumes of all releases of its app.
func (h *Host) withVolumes(r state.Release) (json.RawMessage, []definition.Volume, error) {
	others, err := h.Paths.OtherSettings(r.App, r.Number)
	if err != nil {
		return nil, nil, err
	}
	return volume.Share(r.Settings, others...)
}

// judgeLeaving looks at what giving back takes away, and at what the originals
// need to start.
func (h *Host) judgeLeaving(ctx context.Context, b back, allow []string) (said []string, err error) {
	for i, o := range b.record.originals() {
		raw, err := readInspect(h.Paths, b.app.Name, i)
		if err != nil {
			return nil, err
		}
		gone, err := h.Docker.OriginalSourcesGone(raw)
		if err != nil {
			return nil, err
		}
		if len(gone) > 0 {
			return nil, hint.With(refuse("container %s cannot be started again: %s", o.Container, strings.Join(gone, "; ")),
				"put it back, and run the same command again")
		}
	}
	slot, live, filled, err := h.served(b.app.Name)
	if err != nil || !filled {
		return nil, err
	}
	is, err := h.judgeReplaced(ctx, b.app, slot, live, allow)
	if err != nil {
		return nil, err
	}
	if len(is.Changed) > 0 {
		said = append(said, "what has changed on the live container since it was made goes with it: "+strings.Join(is.Changed, ", "))
	}
	if b.live != nil {
		return said, nil
	}
	settings, _, err := h.withVolumes(live)
	if err != nil {
		return nil, err
	}
	volumes, err := volume.Declared(settings, b.app.Name)
	for _, v := range volumes {
		said = append(said, fmt.Sprintf("the volume %s with the files of %s stays; the original does not mount it", v.Name, v.Target))
	}
	return said, err
}

// writesTo adds why two containers with these volumes must not run at once.
func writesTo(reasons []string, volumes []definition.Volume) []string {
	for _, v := range volumes {
		reason := fmt.Sprintf("writes to the volume %s at %s", definition.Short(v.Name), v.Target)
		if !slices.Contains(reasons, reason) {
			reasons = append(slices.Clip(reasons), reason)
		}
	}
	return reasons
}

// nameVolumes gives the next release a volume for each VOLUME that its image is
// the first to declare. The old container does not have it, so the two may run
// beside each other; from then on no two may.
func (s *swap) nameVolumes(image docker.Image) error {
	settings, added, err := volume.AddDeclared(s.next.Settings, image, s.app.Name, func(target string) string {
		return volume.NewName(s.app.Name, target, time.Now().UTC().Format("20060102150405"))
	})
	if err != nil {
		return err
	}
	s.next.Settings = settings
	s.next.Recreate = writesTo(s.next.Recreate, added)
	for _, v := range added {
		s.step("volume", "%s at %s, which this image declares; the app keeps it once this release serves", v.Name, v.Target)
	}
	return nil
}

// refuseGone refuses settings that mount what the host does not have any more,
// before anything is touched.
func refuseGone(r state.Release) error {
	gone, err := definition.SourcesGone(r.Settings)
	if err != nil || len(gone) == 0 {
		return err
	}
	return hint.With(refuse("a container of %s cannot be made: %s", r.App, strings.Join(gone, "; ")), "put it back, and run the same command again")
}
