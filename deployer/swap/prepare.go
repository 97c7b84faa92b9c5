package swap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"edgeman/deployer/adoption"
	"edgeman/deployer/data"
	"edgeman/deployer/docker/definition"
	"edgeman/deployer/docker/registry"
	"edgeman/deployer/hint"
	"edgeman/deployer/images"
	"edgeman/deployer/outcome"
	"edgeman/deployer/state"
)

// planSwap takes the lock, and applies the options to the app as it is.
func (h *Host) planSwap(ctx context.Context, o Options) (*swap, error) {
	s, err := h.begin(ctx, "swap", o)
	if err != nil {
		return nil, err
	}
	if o.Mode != "" && o.Mode != s.app.Mode {
		s.app.Mode, s.op.Mode = o.Mode, o.Mode
	}
	if o.Image == "" {
		err = s.sameReference()
	}
	if s.declaration != nil && s.Pull == "" && s.current.Digest != "" {
		s.Pull = "always"
	}
	s.next.Image = images.Reference(s.app.Image, s.Image) // of a pull that fails, too
	if err != nil {
		s.lock.Unlock()
		return nil, err
	}
	if err = s.app.Validate(); err != nil {
		err = &outcome.UsageError{Err: err}
	} else {
		err = errors.Join(s.refuseNameless(), s.refuseUnserved(), s.Program.NeedInit(s.app.Mode, false))
	}
	if err != nil {
		s.lock.Unlock()
	}
	return s, err
}

// refuseUnserved refuses an app file without a listener that adopt led nginx to:
// requests would go on coming to its socket, and nobody would accept them.
func (s *swap) refuseUnserved() error {
	record, err := adoption.Read(s.Paths, s.App)
	if errors.Is(err, adoption.ErrNone) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, at := range record.Original.At {
		if at.Listener != "" && !slices.Contains(state.ListenerNames(s.app.Listeners), at.Listener) {
			return hint.With(outcome.Refuse("%s: ports is without %s, and nginx sends what was for %s to its socket", s.Paths.AppConfig(s.App), at.Listener, at.Target),
				"put it back; if the app listens on another port for it: \"%s:PORT\"", at.Listener)
		}
	}
	return nil
}

// prepare writes the record of the new release.
func (s *swap) prepare(ctx context.Context, image images.Local) (err error) {
	s.sayImage(image, s.asked)
	live, err := s.Data.JudgeReplaced(ctx, s.app, s.old, s.current, s.Allow)
	if err != nil {
		return err
	}
	if s.next, err = s.nextRelease(); err != nil {
		return err
	}
	s.next.Image, s.next.ImageID, s.next.Digest = image.Ref, image.ID, image.Digest(registry.Repository(image.Ref))
	s.sayDifferences()
	if s.declaration != nil {
		s.takeDefinition()
	} else {
		s.takeOver(live)
	}
	if err := errors.Join(data.RefuseGone(s.next), s.shareVolumes()); err != nil {
		return err
	}
	s.beside = s.next.StopFirst
	if err := s.weighWait(ctx); err != nil {
		return err
	}
	if err := s.nameVolumes(image.Image); err != nil {
		return err
	}
	if err := s.checkReplicas(); err != nil {
		return err
	}
	if err := s.Paths.WriteRelease(&s.next); err != nil {
		return err
	}
	s.fresh = true
	s.op.Release, s.op.From = s.next.Number, s.current.Number
	return nil
}

// checkReplicas refuses several containers with settings that only one can have
// and says what they share.
func (s *swap) checkReplicas() error {
	n := s.next.Count()
	if n == 1 {
		return nil
	}
	why, err := definition.Single(s.next.Settings)
	if err != nil {
		return fmt.Errorf("release %d: %w", s.next.Number, err)
	}
	if len(why) > 0 {
		return hint.With(outcome.Refuse("%s cannot have %d replicas: its container %s", s.next.App, n, strings.Join(why, ", and ")),
			"set replicas = 1 in its app file")
	}
	if len(s.next.StopFirst) > 0 {
		s.Note("the %d replicas share what one container had to itself: %s", n, strings.Join(s.next.StopFirst, "; "))
	}
	return nil
}

// nextRelease is the release described by the app file, without its image.
func (s *swap) nextRelease() (state.Release, error) {
	env, err := s.app.Environment()
	if err != nil {
		return state.Release{}, err
	}
	return state.Release{
		App: s.app.Name, Created: time.Now().UTC(), By: state.Caller(),
		Mode: s.app.Mode, Via: s.app.Proxy.Via, Listeners: s.app.Listeners, Health: s.app.Health, HealthHeaders: s.app.HealthHeaders, Blocking: s.app.Native.Blocking,
		Replicas: s.app.Replicas,
		Env:      env, Command: s.app.Command, Settings: s.current.Settings, StopFirst: s.current.StopFirst,
	}, nil
}

// strategy is overlap or stop-first, with the reason when nobody chose it.
func (s *swap) strategy() (name, why string) {
	if s.app.Strategy != state.Auto {
		return s.app.Strategy, ""
	}
	if len(s.beside) > 0 {
		return state.StopFirst, strings.Join(s.beside, "; ")
	}
	return "overlap", ""
}
