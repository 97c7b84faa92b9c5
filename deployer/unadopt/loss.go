package unadopt

import (
	"context"
	"fmt"
	"strings"

	"edgeman/deployer/adoption"
	"edgeman/deployer/docker/volume"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/slots"
)

// judgeLoss looks at what giving back takes away, and at what the originals
// need to start.
func (h *Host) judgeLoss(ctx context.Context, b giving, allow []string) (said []string, err error) {
	for i, o := range b.record.Originals() {
		raw, err := adoption.ReadInspect(h.Paths, b.app.Name, i)
		if err != nil {
			return nil, err
		}
		gone, err := h.Docker.OriginalSourcesGone(raw)
		if err != nil {
			return nil, err
		}
		if len(gone) > 0 {
			return nil, hint.With(outcome.Refuse("container %s cannot be started again: %s", o.Container, strings.Join(gone, "; ")),
				"put it back, and run the same command again")
		}
	}
	slot, live, filled, err := slots.Served(h.Paths, b.app.Name)
	if err != nil || !filled {
		return nil, err
	}
	is, err := h.Data.JudgeReplaced(ctx, b.app, slot, live, allow)
	if err != nil {
		return nil, err
	}
	if len(is.Changed) > 0 {
		said = append(said, "changes made on the live container are lost with it: "+strings.Join(is.Changed, ", "))
	}
	if b.live != nil {
		return said, nil
	}
	settings, _, err := h.Data.WithVolumes(live)
	if err != nil {
		return nil, err
	}
	volumes, err := volume.Declared(settings, b.app.Name)
	for _, v := range volumes {
		said = append(said, fmt.Sprintf("the volume %s with the files of %s stays; the original does not mount it", v.Name, v.Target))
	}
	return said, err
}
