package serve

import (
	"context"
	"errors"
	"fmt"

	"edgeman/deployer/docker"
	"edgeman/deployer/docker/volume"
)

// While an app rests, a small container of its own keeps for it what the cleaners
// of a host take from a stopped one: its image, its volumes and its networks.

// holderLabels keep those away from it that replace containers by newer ones.
func (k *keeper) holderLabels() map[string]string {
	return map[string]string{
		labelApp: k.slot.App, labelSlot: k.slot.Color, labelRelease: fmt.Sprint(k.release.Number),
		"com.centurylinklabs.watchtower.enable": "false", "wud.watch": "false",
	}
}

// holdNeeds makes sure that what the app needs is held. It needs one of its containers
// for that, unless the holder is there already.
func (k *keeper) holdNeeds(ctx context.Context) error {
	k.held = true
	spec := docker.HoldSpec{Name: k.release.Holder(k.slot.Color), Labels: k.holderLabels(), Program: k.host.initProgram}
	err := k.withEngine(ctx, func(ctx context.Context, e engine) error {
		if c, err := e.Inspect(ctx, spec.Name); err == nil && ours(c) {
			if c.Running {
				return nil
			}
			return e.Start(ctx, c.ID)
		}
		c, err := e.Inspect(ctx, k.release.Container(k.slot.Color))
		if err != nil {
			return err
		}
		return e.Hold(ctx, c, spec)
	})
	if err != nil {
		return fmt.Errorf("holding what %s needs while it rests: %w", k.slot.App, err)
	}
	return nil
}

// holdOn looks whether what a resting app needs is still held: somebody may have
// stopped the holder, or Docker was restarted.
func (k *keeper) holdOn(ctx context.Context) {
	c, err := k.inspect(ctx, k.release.Holder(k.slot.Color))
	if err == nil && !c.Running || errors.Is(err, docker.ErrNotFound) {
		err = k.holdNeeds(ctx)
	}
	if err != nil && !errors.Is(err, errNoAnswer) {
		k.host.say("%v", err)
	}
}

// letGo removes the holder once the app itself is up again, with whatever else the
// slot has left over.
func (k *keeper) letGo(ctx context.Context) {
	holder := k.release.Holder(k.slot.Color)
	keep := func(name string) bool { return name != holder && k.wanted(name) }
	_, err := k.lettingGo.ask(func() (struct{}, error) {
		return struct{}{}, k.withEngine(ctx, func(ctx context.Context, e engine) error {
			return k.host.sweep(ctx, e, k.slot, keep)
		})
	}, k.changes)
	switch {
	case err == nil:
		k.held = false
	case !errors.Is(err, errNoAnswer):
		k.host.say("%v", err)
	}
}

// volumesHeld are the settings of a container that is to be made, with the volumes
// of the one that was removed while its app was at rest.
func (r *runner) volumesHeld(ctx context.Context, e engine, spec *docker.Spec) error {
	c, err := e.Inspect(ctx, r.release.Holder(r.slot.Color))
	if errors.Is(err, docker.ErrNotFound) || err == nil && !ours(c) {
		return nil
	}
	if err == nil {
		spec.Settings, _, err = volume.KeepHeld(spec.Settings, c)
	}
	return err
}
