package deployer

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/state"
)

// planSwap takes the lock, and applies the options to the app as it is.
func (h *Host) planSwap(ctx context.Context, o SwapOptions) (*swap, error) {
	s, err := h.beginSwap(ctx, o.App, "swap", o.Drain, o.Timeout)
	if err != nil {
		return nil, err
	}
	s.detach, s.cut, s.letWait = o.Detach, o.Cut, o.LetWait
	if o.Mode != "" && o.Mode != s.app.Mode {
		s.app.Mode, s.op.Mode = o.Mode, o.Mode
	}
	if o.Strategy != "" {
		s.app.Strategy = o.Strategy
	}
	s.next.Image = reference(s.app.Image, o.Image) // of a pull that fails, too
	if err = s.app.Validate(); err != nil {
		err = &UsageError{err}
	} else {
		err = errors.Join(s.refuseNameless(o.Image), s.needInit(s.app.Mode, false))
	}
	if err != nil {
		s.lock.Unlock()
	}
	return s, err
}

// prepare writes the record of the new release.
func (s *swap) prepare(ctx context.Context, image found) (err error) {
	if s.next, err = s.wanted(); err != nil {
		return err
	}
	s.next.Image, s.next.ImageID, s.next.Digest = image.ref, image.ID, image.digest()
	s.sayDifferences()
	if err := s.keepVolumes(ctx); err != nil {
		return err
	}
	if err := s.checkReplicas(); err != nil {
		return err
	}
	if err := s.weighWait(ctx); err != nil {
		return err
	}
	if err := s.Paths.WriteRelease(&s.next); err != nil {
		return err
	}
	s.fresh = true
	s.op.Release, s.op.From = s.next.Number, s.current.Number
	return nil
}

// wanted is a new release as the app file wants it, but for its image.
func (s *swap) wanted() (state.Release, error) {
	env, err := s.app.Environment()
	if err != nil {
		return state.Release{}, err
	}
	return state.Release{
		App: s.app.Name, Created: time.Now().UTC(), By: state.Caller(),
		Mode: s.app.Mode, Via: s.app.Proxy.Via, Port: s.app.Port, Health: s.app.Health, HealthHeaders: s.app.HealthHeaders, Blocking: s.app.Native.Blocking,
		Replicas: s.app.Replicas,
		Env:      env, Command: s.app.Command, Settings: s.current.Settings, Recreate: s.current.Recreate,
	}, nil
}

// keepVolumes mounts again what Docker gave the live container by itself: a
// newer image may have declared a VOLUME, and every container would get an
// empty one of its own.
func (s *swap) keepVolumes(ctx context.Context) error {
	c, err := s.Docker.Inspect(ctx, s.current.Container(s.old.Color))
	if errors.Is(err, docker.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	settings, added, err := docker.KeepVolumes(s.next.Settings, c)
	if err != nil {
		return err
	}
	s.next.Settings = settings
	for _, at := range added {
		s.next.Recreate = append(slices.Clip(s.next.Recreate), "writes to the volume that its image declares at "+at)
	}
	return nil
}

// strategy is overlap or recreate, with the reason when nobody chose it.
func (s *swap) strategy() (name, why string) {
	if s.app.Strategy != "auto" {
		return s.app.Strategy, ""
	}
	if len(s.next.Recreate) > 0 {
		return "recreate", strings.Join(s.next.Recreate, "; ")
	}
	return "overlap", ""
}
