package swap

import (
	"context"
	"fmt"
	"time"

	"edgeman/deployer/state"
	"edgeman/deployer/steps"
	"edgeman/deployer/words"
)

// overlap fills the idle slot, switches to it when it is healthy, and lets the
// old one drain.
func (s *swap) overlap(ctx context.Context) error {
	if err := s.makeRoom(ctx); err != nil {
		return err
	}
	s.op.Slot = s.idle.String()
	return s.do(ctx, []steps.Step{
		{Name: stepStart, Do: s.startNext, Undo: s.abandonNext},
		{Name: stepSwitch, Do: func(ctx context.Context) error { return s.switchTo(ctx, "") }, Stays: true},
		{Name: stepDrain, Do: s.drainOld},
	})
}

// makeRoom empties the idle slot for the next release, and says how a wait for
// what still drains there can be cut short.
func (s *swap) makeRoom(ctx context.Context) error {
	seen, err := s.Look(ctx, s.idle)
	if err != nil {
		return err
	}
	st := seen.Status
	if seen.Runs && st.Phase == state.PhaseDraining && st.Open > 0 && !s.Cut && s.op.Name != "rollback" {
		s.Note("%s still drains from an earlier swap: %s; --cut ends that at once", s.idle.Color, words.OrDash(st.Message))
	}
	return s.ClearSlot(ctx, s.idle, s.Cut)
}

// startNext fills the idle slot with the next release, starts its units and waits
// until the app in it is healthy. The lock names the candidate before the slot is
// filled: its service must never find itself filled, not live, and unclaimed.
func (s *swap) startNext(ctx context.Context) error {
	start := time.Now()
	if err := s.lock.Candidate(s.idle); err != nil {
		return err
	}
	if err := s.Fill(ctx, s.idle, s.next, state.Pause{}); err != nil {
		return fmt.Errorf("starting %s: %w", s.idle, err)
	}
	if err := s.AwaitHealthy(ctx, s.idle, s.next.Number, s.Timeout); err != nil {
		return s.WhyNotHealthy(ctx, err, s.Ailing(s.idle, s.next), s.next, s.askedPort())
	}
	s.ready = time.Since(start)
	s.bootTook = state.Seconds(s.ready)
	s.Step("start", "release %d on %s healthy after %s", s.next.Number, s.idle.Color, words.Took(s.ready))
	return nil
}

// askedPort is where the app file says on which port its app is asked.
func (s *swap) askedPort() string { return "ports in " + s.Paths.AppConfig(s.app.Name) }

// abandonNext empties the idle slot again, unless it became live.
func (s *swap) abandonNext(ctx context.Context) error {
	if s.over {
		return nil
	}
	return s.Abandon(ctx, s.idle)
}

// switchTo makes the idle slot live in one rename. The drain terms are stated
// first: whenever the old slot's service notices the switch, it finds them.
func (s *swap) switchTo(ctx context.Context, how string) error {
	now := time.Now()
	s.terms = s.app.DrainTerms(now, s.Drain)
	if s.app.KeepWarm > 0 {
		s.terms.WarmUntil = now.Add(time.Duration(s.app.KeepWarm))
		s.terms.Deadline = s.terms.WarmUntil.Add(s.Drain)
	}
	err := s.Paths.Switch(ctx, s.old, s.next.Number, s.terms, func() error {
		s.over = true
		s.keepMode()
		return nil
	})
	if err != nil {
		return err
	}
	s.Step("switch", "live → %s%s", s.idle.Color, how)
	return nil
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
