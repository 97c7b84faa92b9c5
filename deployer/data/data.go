// Package data finds what would be lost with a container: files in its own layer,
// volumes, settings that were changed while it ran. Losing any of it is refused,
// unless somebody accepts that.
package data

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"edgeman/deployer/docker"
	"edgeman/deployer/docker/adoptable"
	"edgeman/deployer/docker/definition"
	"edgeman/deployer/docker/volume"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/slots"
	"edgeman/deployer/state"
	"edgeman/deployer/words"
	"edgeman/sockets"
)

// Host is what data asks.
type Host struct {
	*slots.Host
	Docker Docker
}

// Docker tells what has become of a container since it was made.
type Docker interface {
	Inspect(ctx context.Context, nameOrID string) (docker.Container, error)
	Live(ctx context.Context, id string, stored json.RawMessage) (adoptable.Live, error)
}

// JudgeReplaced looks at the containers that are about to go: it refuses to lose
// what only they have, and returns settings that include what has changed on them
// since they were made.
func (h *Host) JudgeReplaced(ctx context.Context, app state.App, slot sockets.Slot, r state.Release, allow []string) (adoptable.Live, error) {
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
			out.Notes = append(out.Notes, fmt.Sprintf("changes made on %s are lost with it; only those made on the first container are kept: %s", name, words.OrDash(strings.Join(live.Changed, ", "))))
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
		return hint.With(outcome.Refuse("%s", n.Text),
			"%s accepts losing them; allow_writable_layer = true in %s always does", n.Override, h.Paths.AppConfig(app.Name))
	}
	return nil
}

// WithVolumes are r's settings with the volumes of all releases of its app.
func (h *Host) WithVolumes(r state.Release) (json.RawMessage, []definition.Volume, error) {
	others, err := h.Paths.OtherSettings(r.App, r.Number)
	if err != nil {
		return nil, nil, err
	}
	return volume.Share(r.Settings, others...)
}

// WritesTo adds why two containers with these volumes must not run at once.
func WritesTo(reasons []string, volumes []definition.Volume) []string {
	for _, v := range volumes {
		reason := fmt.Sprintf("writes to the volume %s at %s", definition.Short(v.Name), v.Target)
		if !slices.Contains(reasons, reason) {
			reasons = append(slices.Clip(reasons), reason)
		}
	}
	return reasons
}

// RefuseGone refuses settings that mount what the host does not have any more,
// before anything is touched.
func RefuseGone(r state.Release) error {
	gone, err := definition.SourcesGone(r.Settings)
	if err != nil || len(gone) == 0 {
		return err
	}
	return hint.With(outcome.Refuse("a container of %s cannot be created: %s", r.App, strings.Join(gone, "; ")), "put it back, and run the same command again")
}
