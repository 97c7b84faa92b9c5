package run

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"edgeman/deployer/docker"
	"edgeman/deployer/docker/label"
	"edgeman/deployer/docker/volume"
	"edgeman/deployer/state"
)

// While an app is stopped for lack of use, a small container of its own, the
// holder, keeps for it what the cleaners of a host take from a stopped one: its
// image, its volumes and its networks.

// Hold makes sure that what the release needs is held. It needs one of its
// containers for that, unless the holder is there already.
func (s *Containers) Hold(ctx context.Context, r state.Release) error {
	spec := docker.HoldSpec{Name: r.Holder(s.Slot.Color), Program: s.InitProgram, Labels: map[string]string{
		label.App: s.Slot.App, label.Slot: s.Slot.Color, label.Release: fmt.Sprint(r.Number),
	}}
	maps.Copy(spec.Labels, label.NoUpdates)
	err := s.With(ctx, func(ctx context.Context, e Engine) error {
		if c, err := e.Inspect(ctx, spec.Name); err == nil && ours(c) {
			if c.Running {
				return nil
			}
			return e.Start(ctx, c.ID)
		}
		c, err := e.Inspect(ctx, r.Container(s.Slot.Color))
		if err != nil {
			return err
		}
		return e.Hold(ctx, c, spec)
	})
	if err != nil {
		return fmt.Errorf("holding what %s needs while it rests: %w", s.Slot.App, err)
	}
	return nil
}

// HoldAgain looks whether what the release needs is still held: somebody may have
// stopped the holder, or Docker was restarted.
func (s *Containers) HoldAgain(ctx context.Context, r state.Release) error {
	c, err := s.Inspect(ctx, r.Holder(s.Slot.Color))
	if err == nil && !c.Running || errors.Is(err, docker.ErrNotFound) {
		return s.Hold(ctx, r)
	}
	return err
}

// Unhold removes the holder, in the background, with whatever else the slot has
// left over. Until that is done its error is ErrNoAnswer.
func (s *Containers) Unhold(ctx context.Context, r state.Release) error {
	holder := r.Holder(s.Slot.Color)
	_, err := s.ask(ctx, "unhold", func(ctx context.Context, e Engine) ([]docker.Container, error) {
		return nil, s.sweep(ctx, e, func(name string) bool { return name != holder && s.wanted(name) })
	})
	return err
}

// withHeldVolumes are the settings of a container that is to be made, with the
// volumes of the one that was removed while its app was stopped.
func (r *runner) withHeldVolumes(ctx context.Context, e Engine, spec *docker.Spec) error {
	c, err := e.Inspect(ctx, r.release.Holder(r.slot.Slot.Color))
	if errors.Is(err, docker.ErrNotFound) || err == nil && !ours(c) {
		return nil
	}
	if err == nil {
		spec.Settings, _, err = volume.KeepHeld(spec.Settings, c)
	}
	return err
}
