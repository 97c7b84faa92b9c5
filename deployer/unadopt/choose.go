package unadopt

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"edgeman/deployer/adoption"
	"edgeman/deployer/docker"
	"edgeman/deployer/hint"
	"edgeman/deployer/images"
	"edgeman/deployer/outcome"
	"edgeman/deployer/slots"
	"edgeman/deployer/state"
)

// chooseBack decides whose image and settings are given back: those of the live
// release if b.live says so, else the original's. The operator has to say when
// the two differ: a swap has moved on since, or somebody has made the original
// again with another image.
func (h *Host) chooseBack(ctx context.Context, b *giving, o Options) error {
	anew, again, err := h.madeAgain(ctx, b.record)
	if err != nil {
		return err
	}
	image, id := b.record.Image, b.record.ImageID
	if again {
		image, id = anew.Image, anew.ImageID
	}
	_, live, filled, err := slots.Served(h.Paths, o.App)
	if err != nil {
		return err
	}
	recreated := id != b.record.ImageID
	switch moved := filled && live.ImageID != id && (again || live.Number != b.record.Release); {
	case !moved || o.To == "original":
		if o.To == "original" && h.nothingKept(ctx, b.record, live) {
			return hint.With(outcome.Refuse("the container that %s was adopted from is gone, and so is its image %s", o.App, b.record.Image),
				"edgeman unadopt %s --to live gives back the live release (%s); or bring the image back first: docker pull %s", o.App, live.Image, b.record.Image)
		}
		if b.result.Image = image; recreated {
			b.said = append(b.said, fmt.Sprintf("container %s has been recreated since adopt: it runs %s, no longer %s", anew.Name, image, b.record.Image))
		}
		return nil
	case o.To == "live":
		b.live = &live
		return nil
	case o.To == "":
		was := fmt.Sprintf("%s was adopted with %s", o.App, b.record.Image)
		if recreated {
			was += fmt.Sprintf(", its container %s has since been recreated with %s,", anew.Name, image)
		}
		return hint.With(outcome.Refuse("%s and runs %s (release %d) now", was, live.Image, live.Number),
			"say what to give back: --to original (%s) or --to live (%s)", image, live.Image)
	}
	return outcome.Usage("--to %s is neither original nor live", o.To)
}

// nothingKept tells whether an adopted container is gone, nobody has made it
// again, and there is no image to make it from, which is not the live release's.
func (h *Host) nothingKept(ctx context.Context, record adoption.Record, live state.Release) bool {
	gone := func(ref string) bool {
		_, err := h.Docker.Inspect(ctx, ref)
		return errors.Is(err, docker.ErrNotFound)
	}
	return live.ImageID != "" && live.ImageID != record.ImageID && images.Gone(ctx, h.Docker, record.ImageID) && slices.ContainsFunc(record.Originals(), func(o adoption.Original) bool {
		return gone(o.ContainerID) && gone(o.Container)
	})
}

// madeAgain is the container that somebody, such as Compose, has made in the
// place of an adopted one, under its name.
func (h *Host) madeAgain(ctx context.Context, record adoption.Record) (docker.Container, bool, error) {
	for _, o := range record.Originals() {
		if _, err := h.Docker.Inspect(ctx, o.ContainerID); !errors.Is(err, docker.ErrNotFound) {
			if err != nil {
				return docker.Container{}, false, err
			}
			continue
		}
		c, err := h.Docker.Inspect(ctx, o.Container)
		if err == nil || !errors.Is(err, docker.ErrNotFound) {
			return c, err == nil, err
		}
	}
	return docker.Container{}, false, nil
}
