package swap

import (
	"context"
	"fmt"
	"time"

	"edgeman/deployer/state"
	"edgeman/deployer/steps"
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
	return s.do(ctx, []steps.Step{
		{Name: stepStart, Do: s.startNext, Undo: s.abandonNext},
		{Name: stepSwitch, Do: func(ctx context.Context) error { return s.switchTo(ctx, result, "") }, Stays: true},
		{Name: stepDrain, Do: func(ctx context.Context) error { return s.drainOld(ctx, result) }},
	})
}

// startNext fills the idle slot with the next release, starts its units and waits
// until the app in it is healthy. The lock names the candidate before the slot is
// filled: its service must never find itself filled, not live, and unclaimed.
func (s *swap) startNext(ctx context.Context) error {
	start, idle := time.Now(), s.old.Other()
	if err := s.lock.Candidate(idle); err != nil {
		return err
	}
	if err := s.Fill(ctx, idle, s.next, state.Pause{}); err != nil {
		return fmt.Errorf("starting %s: %w", idle, err)
	}
	if err := s.AwaitHealthy(ctx, idle, s.next.Number, s.timeout); err != nil {
		return s.WhyNotHealthy(ctx, err, s.Ailing(idle, s.next), s.next, s.askedPort())
	}
	s.ready = time.Since(start)
	s.bootTook = state.Seconds(s.ready)
	s.Step("start", "release %d on %s healthy after %s", s.next.Number, idle.Color, words.Took(s.ready))
	return nil
}

// abandonNext empties the idle slot again, unless it became live.
func (s *swap) abandonNext(ctx context.Context) error {
	if s.over {
		return nil
	}
	return s.Abandon(ctx, s.old.Other())
}

// switchTo makes the idle slot live in one rename. The drain terms are stated
// first: whenever the old slot's service notices the switch, it finds them.
func (s *swap) switchTo(ctx context.Context, result *Result, how string) error {
	idle, now := s.old.Other(), time.Now()
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
		return err
	}
	s.Step("switch", "live → %s%s", idle.Color, how)
	result.Slot = idle.String()
	return nil
}

// drainOld waits for the end of the old slot, or leaves it to itself.
func (s *swap) drainOld(ctx context.Context, result *Result) error {
	open, err := count.Unix(s.old.SocketPath(s.Paths.Run))
	if err != nil {
		return err
	}
	if err := s.lock.Candidate(sockets.Slot{}); err != nil {
		return err
	}
	if s.detach {
		result.Draining = true
		s.Step("drain", "%s: %s, at most %s, in the background", s.old.Color, words.Plural(open.Total(), "connection"), words.Length(s.drain))
		return nil
	}
	ended, err := s.awaitDrain(ctx, s.old, open.Total())
	result.setEnded(ended)
	return err
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
