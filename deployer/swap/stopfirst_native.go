package swap

import (
	"context"
	"errors"
	"fmt"
	"time"

	"edgeman/deployer/console"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/poll"
	"edgeman/deployer/state"
	"edgeman/deployer/steps"
	"edgeman/deployer/words"
	"edgeman/sockets"
)

// stopFirstNative replaces a release that accepts connections itself, stop first.
// Only the app can stop accepting, so requests are made to wait elsewhere: in the
// socket of the idle slot, which is live for that time without a container. The
// old container drains as after any switch, the new one is asked by probes
// alone, and whichever of them serves in the end gets what waited.
//
// Once the pointer has moved, the services of the two slots do all of that, and
// finish it even without this command.
func (s *swap) stopFirstNative(ctx context.Context) error {
	s.op.Slot = s.old.String()
	if err := s.makeRoom(ctx); err != nil {
		return err
	}
	away := false
	return s.do(ctx, []steps.Step{
		{
			Name: state.StepStandIn,
			Do:   func(ctx context.Context) error { return s.openBeside(ctx, state.PauseStandIn) },
			Undo: func(ctx context.Context) error {
				if away {
					return s.takeBack(ctx)
				}
				return s.Abandon(ctx, s.idle)
			},
		},
		{
			Name: state.StepStopFirst,
			Do: func(ctx context.Context) error {
				asked := time.Now()
				if err := s.sendAway(ctx, asked, &away); err != nil {
					return err
				}
				return s.awaitReplaced(ctx, asked)
			},
			Stays: true,
		},
		{Name: state.StepTakeBack, Do: func(ctx context.Context) error { return s.takeBack(context.WithoutCancel(ctx)) }},
	})
}

// openBeside makes the idle slot listen and hold what comes.
func (s *swap) openBeside(ctx context.Context, reason string) error {
	if err := s.lock.Candidate(s.idle); err != nil {
		return err
	}
	until := time.Now().Add(s.Drain + s.Timeout + s.EndWait(ctx, s.old))
	if err := s.Fill(ctx, s.idle, s.current, state.Pause{Until: until, Reason: reason}); err != nil {
		return fmt.Errorf("starting %s: %w", s.idle, err)
	}
	if err := s.awaitHolding(ctx); err != nil {
		return err
	}
	s.Step("socket", "edgeman@%s listening", s.idle)
	return nil
}

// awaitHolding waits until the idle slot's service holds requests back.
func (s *swap) awaitHolding(ctx context.Context) error {
	var st state.SlotStatus
	err := s.Await(ctx, "start", s.Timeout, func(w *console.Waiting) (done bool, err error) {
		if st, _, err = s.Paths.ReadSlotStatus(s.idle); err == nil && st.Phase == state.PhaseFailed {
			err = fmt.Errorf("%s does not start: %s", s.idle, st.Message)
		}
		w.Say("%s: %s", s.idle.Color, words.OrDash(st.Message))
		return st.Phase == state.PhaseHolding, err
	})
	if err != nil && (errors.Is(err, poll.ErrLate) || ctx.Err() != nil) {
		return fmt.Errorf("%s did not hold requests within %s: %s", s.idle, words.Length(s.Timeout), words.OrDash(st.Message))
	}
	return err
}

// sendAway makes the idle slot live and asks the old slot for the next release. The
// two services see that as one change: the idle slot's would otherwise give back at
// once what nobody wants replaced.
func (s *swap) sendAway(ctx context.Context, now time.Time, away *bool) error {
	terms := s.app.DrainTerms(now, s.Drain)
	terms.Start = s.Timeout
	if err := s.Paths.StandIn(ctx, s.old, s.current.Number, s.next.Number, terms); err != nil {
		return err
	}
	*away = true
	s.Step("switch", "live → %s, requests wait", s.idle.Color)
	return s.lock.Candidate(sockets.Slot{})
}

// takeBack makes the old slot live again, if the idle slot's service has not already
// done so, and waits until what waited there has been passed on.
func (s *swap) takeBack(ctx context.Context) error {
	err := s.Paths.SwitchBack(ctx, s.idle, nil)
	if err == nil {
		err = s.ClearSlot(ctx, s.idle, false)
	}
	if err != nil {
		return &outcome.BrokenError{Err: hint.With(fmt.Errorf("making %s live again: %w", s.old, err), "edgeman repair %s", s.app.Name)}
	}
	s.Step("switch", "live → %s", s.old.Color)
	return nil
}

// renewNative moves a release that accepts itself, and must not run twice, to
// the idle slot, and with that to a service of this program.
func (s *swap) renewNative(ctx context.Context) error {
	if err := s.makeRoom(ctx); err != nil {
		return err
	}
	s.op.Slot = s.idle.String()
	// Kept warm, the old container would keep the new one from starting.
	s.app.KeepWarm, s.Detach = 0, false
	return s.do(ctx, []steps.Step{
		{Name: stepStart, Do: func(ctx context.Context) error { return s.openBeside(ctx, state.PauseReplace) }, Undo: s.abandonNext},
		{Name: stepSwitch, Do: func(ctx context.Context) error { return s.switchTo(ctx, ", requests wait") }, Stays: true},
		{Name: stepDrain, Do: s.drainOld},
		{Name: stepAwait, Do: s.awaitMoved},
	})
}

// awaitMoved waits until the release is up in the slot that it has moved to.
func (s *swap) awaitMoved(ctx context.Context) error {
	if err := s.AwaitHealthy(ctx, s.idle, s.next.Number, s.Timeout); err != nil {
		return s.WithLastWords(ctx, err, s.next.Container(s.idle.Color))
	}
	s.Step("start", "release %d on %s", s.next.Number, s.idle.Color)
	return nil
}
