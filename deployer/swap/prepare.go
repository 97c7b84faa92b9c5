package swap

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"edgeman/deployer/data"
	"edgeman/deployer/docker/definition"
	"edgeman/deployer/docker/registry"
	"edgeman/deployer/hint"
	"edgeman/deployer/images"
	"edgeman/deployer/outcome"
	"edgeman/deployer/state"
	"edgeman/deployer/words"
	"edgeman/sockets"
)

// planSwap takes the lock, and applies the options to the app as it is.
func (h *Host) planSwap(ctx context.Context, o Options) (*swap, error) {
	s, err := h.beginSwap(ctx, o.App, "swap", o.Drain, o.Timeout)
	if err != nil {
		return nil, err
	}
	s.detach, s.cut, s.letWait, s.allow = o.Detach, o.Cut, o.LetWait, o.Allow
	if o.Mode != "" && o.Mode != s.app.Mode {
		s.app.Mode, s.op.Mode = o.Mode, o.Mode
	}
	if o.Strategy != "" {
		s.app.Strategy = o.Strategy
	}
	s.next.Image = images.Reference(s.app.Image, o.Image) // of a pull that fails, too
	if err = s.app.Validate(); err != nil {
		err = &outcome.UsageError{Err: err}
	} else {
		err = errors.Join(s.refuseNameless(o.Image), s.Program.NeedInit(s.app.Mode, false))
	}
	if err != nil {
		s.lock.Unlock()
	}
	return s, err
}

// prepare writes the record of the new release.
func (s *swap) prepare(ctx context.Context, image images.Found) (err error) {
	live, err := s.Data.JudgeReplaced(ctx, s.app, s.old, s.current, s.allow)
	if err != nil {
		return err
	}
	if s.next, err = s.wanted(); err != nil {
		return err
	}
	s.next.Image, s.next.ImageID, s.next.Digest = image.Ref, image.ID, image.Digest(registry.Repository(image.Ref))
	s.sayDifferences()
	s.takeOver(live)
	if err := errors.Join(data.RefuseGone(s.next), s.shareVolumes()); err != nil {
		return err
	}
	s.beside = s.next.Recreate
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

// wanted is the next release described by the app file, without its image.
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

// strategy is overlap or recreate, with the reason when nobody chose it.
func (s *swap) strategy() (name, why string) {
	if s.app.Strategy != state.Auto {
		return s.app.Strategy, ""
	}
	if len(s.beside) > 0 {
		return state.StopFirst, strings.Join(s.beside, "; ")
	}
	return "overlap", ""
}

// makeRoom empties the idle slot for the next release, and says how a wait for
// what still drains there can be cut short.
func (s *swap) makeRoom(ctx context.Context, idle sockets.Slot) error {
	seen, err := s.Look(ctx, idle)
	if err != nil {
		return err
	}
	st := seen.Status
	if seen.Runs && st.Phase == state.PhaseDraining && st.Open > 0 && !s.cut && s.op.Name != "rollback" {
		s.Note("%s still drains from an earlier swap: %s; --cut ends that at once", idle.Color, words.OrDash(st.Message))
	}
	return s.ClearSlot(ctx, idle, s.cut)
}

// askedPort is where the app file says on which port its app is asked.
func (s *swap) askedPort() string { return "port in " + s.Paths.AppConfig(s.app.Name) }

// checkReplicas refuses several containers with settings that only one can have
// and says what they share.
func (s *swap) checkReplicas() error {
	n := s.next.Count()
	if n == 1 {
		return nil
	}
	if err := refuseReplicas(s.next); err != nil {
		return err
	}
	if len(s.next.Recreate) > 0 {
		s.Note("the %d replicas share what one container had to itself: %s", n, strings.Join(s.next.Recreate, "; "))
	}
	return nil
}

// refuseReplicas is an error if the release wants several containers and only
// one with its settings can exist.
func refuseReplicas(r state.Release) error {
	if r.Count() == 1 {
		return nil
	}
	why, err := definition.Single(r.Settings)
	if err != nil {
		return fmt.Errorf("release %d: %w", r.Number, err)
	}
	if len(why) > 0 {
		return hint.With(outcome.Refuse("%s cannot have %d replicas: its container %s", r.App, r.Count(), strings.Join(why, ", and ")),
			"set replicas = 1 in its app file")
	}
	return nil
}
