package swap

import (
	"context"
	"errors"
	"time"

	"edgeman/deployer/state"
	"edgeman/deployer/words"
	"edgeman/sockets"
	"edgeman/sockets/count"
)

// overlap fills the idle slot, switches to it when it is healthy, and lets the
// old one drain.
func (s *swap) overlap(ctx context.Context, result *Result) error {
	idle := s.old.Other()
	if err := s.makeRoom(ctx, idle); err != nil {
		return err
	}
	s.op.Slot = idle.String()
	if err := s.begin("start"); err != nil {
		return err
	}
	took, err := s.startSlot(ctx, idle, s.next)
	if err != nil {
		return err
	}
	s.ready, s.bootTook = took, state.Seconds(took)
	s.Step("start", "release %d on %s healthy after %s", s.next.Number, idle.Color, words.Took(took))
	before, err := s.switchOrAbandon(ctx, idle)
	if err != nil {
		return err
	}
	s.Step("switch", "live → %s", idle.Color)
	result.Slot = idle.String()
	if s.detach {
		result.Draining = true
		s.Step("drain", "%s: %s, at most %s, in the background", s.old.Color, words.Plural(before, "connection"), words.Length(s.drain))
		return nil
	}
	ended, err := s.awaitDrain(ctx, s.old, before)
	result.setEnded(ended)
	return err
}

// switchOrAbandon is switchTo for a slot that this run has filled: it is emptied
// again unless it became live.
func (s *swap) switchOrAbandon(ctx context.Context, idle sockets.Slot) (int, error) {
	before, err := s.switchTo(ctx, idle)
	if err != nil && !s.over {
		err = errors.Join(err, s.Abandon(ctx, idle))
	}
	return before, err
}

// switchTo makes idle live in one rename and returns how many connections the
// old slot has left. The drain terms are stated first: whenever the old slot's
// service notices the switch, it finds them.
func (s *swap) switchTo(ctx context.Context, idle sockets.Slot) (int, error) {
	if err := s.begin("switch"); err != nil {
		return 0, err
	}
	now := time.Now()
	s.terms = s.app.DrainTerms(now, s.drain)
	if s.app.KeepWarm > 0 {
		s.terms.WarmUntil = now.Add(time.Duration(s.app.KeepWarm))
		s.terms.Deadline = s.terms.WarmUntil.Add(s.drain)
	}
	err := s.Paths.Switch(ctx, s.old, s.next.Number, s.terms, func() error {
		s.over = true
		s.keepMode()
		return nil
	})
	if err != nil {
		return 0, err
	}
	open, err := count.Unix(s.old.SocketPath(s.Paths.Run))
	if err != nil {
		return 0, err
	}
	if err := s.begin("drain"); err != nil {
		return 0, err
	}
	return open.Total(), s.lock.Candidate(sockets.Slot{})
}

// keepMode makes the mode that was asked for that of the app file, at the moment
// from which the release serves. The next swap would go back otherwise.
func (s *swap) keepMode() {
	if s.op.Mode == "" {
		return
	}
	if s.unkept = s.Paths.SetMode(s.app.Name, s.op.Mode); s.unkept == nil {
		s.op.Mode = ""
	}
}
