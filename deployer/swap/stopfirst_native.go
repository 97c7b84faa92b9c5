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
func (s *swap) stopFirstNative(ctx context.Context, result *Result) error {
	idle := s.old.Other()
	s.op.Slot, result.Slot = s.old.String(), s.old.String()
	if err := s.makeRoom(ctx, idle); err != nil {
		return err
	}
	away := false
	return s.do(ctx, []steps.Step{
		{
			Name: state.StepStandIn,
			Do:   func(ctx context.Context) error { return s.openBeside(ctx, idle, state.PauseStandIn) },
			Undo: func(ctx context.Context) error {
				if away { // and emptied when it was taken back
					return nil
				}
				return s.Abandon(ctx, idle)
			},
		},
		{
			Name: state.StepStopFirst,
			Do: func(ctx context.Context) error {
				asked := time.Now()
				if err := s.sendAway(ctx, asked, &away); err != nil {
					return err
				}
				return s.awaitReplaced(ctx, result, asked)
			},
			Undo: func(ctx context.Context) error {
				if !away {
					return nil
				}
				return s.takeBack(ctx, idle)
			},
			Stays: true,
		},
		{Name: state.StepTakeBack, Do: func(ctx context.Context) error { return s.takeBack(context.WithoutCancel(ctx), idle) }},
	})
}

// openBeside makes idle listen and hold what comes.
func (s *swap) openBeside(ctx context.Context, idle sockets.Slot, reason string) error {
	if err := s.lock.Candidate(idle); err != nil {
		return err
	}
	until := time.Now().Add(s.drain + s.timeout + s.EndWait(ctx, s.old))
	if err := s.Fill(ctx, idle, s.current, state.Pause{Until: until, Reason: reason}); err != nil {
		return fmt.Errorf("starting %s: %w", idle, err)
	}
	if err := s.awaitHolding(ctx, idle); err != nil {
		return err
	}
	s.Step("socket", "edgeman@%s listening", idle)
	return nil
}

// awaitHolding waits until the slot's service holds requests back.
func (s *swap) awaitHolding(ctx context.Context, slot sockets.Slot) error {
	var st state.SlotStatus
	err := s.Await(ctx, "start", s.timeout, func(w *console.Waiting) (done bool, err error) {
		if st, _, err = s.Paths.ReadSlotStatus(slot); err == nil && st.Phase == state.PhaseFailed {
			err = fmt.Errorf("%s does not start: %s", slot, st.Message)
		}
		w.Say("%s: %s", slot.Color, words.OrDash(st.Message))
		return st.Phase == state.PhaseHolding, err
	})
	if err != nil && (errors.Is(err, poll.ErrLate) || ctx.Err() != nil) {
		return fmt.Errorf("%s did not hold requests within %s: %s", slot, words.Length(s.timeout), words.OrDash(st.Message))
	}
	return err
}

// sendAway makes the idle slot live and asks the old slot for the next release. The
// two services see that as one change: the idle slot's would otherwise give back at
// once what nobody wants replaced.
func (s *swap) sendAway(ctx context.Context, now time.Time, away *bool) error {
	terms := s.app.DrainTerms(now, s.drain)
	terms.Start = s.timeout
	if err := s.Paths.StandIn(ctx, s.old, s.current.Number, s.next.Number, terms); err != nil {
		return err
	}
	*away = true
	s.Step("switch", "live → %s, requests wait", s.old.Other().Color)
	return s.lock.Candidate(sockets.Slot{})
}

// takeBack makes the old slot live again, if the service of idle has not already
// done so, and waits until what waited in idle has been passed on.
func (s *swap) takeBack(ctx context.Context, idle sockets.Slot) error {
	err := s.Paths.SwitchBack(ctx, idle, nil)
	if err == nil {
		err = s.ClearSlot(ctx, idle, false)
	}
	if err != nil {
		return &outcome.BrokenError{Err: hint.With(fmt.Errorf("making %s live again: %w", s.old, err), "edgeman repair %s", s.app.Name)}
	}
	s.Step("switch", "live → %s", s.old.Color)
	return nil
}

// renewNative moves a release that accepts itself, and must not run twice, to
// the idle slot, and with that to a service of this program.
func (s *swap) renewNative(ctx context.Context, result *Result) error {
	idle := s.old.Other()
	if err := s.makeRoom(ctx, idle); err != nil {
		return err
	}
	s.op.Slot, result.Slot = idle.String(), idle.String()
	// Kept warm, the old container would keep the new one from starting.
	s.app.KeepWarm, s.detach = 0, false
	return s.do(ctx, []steps.Step{
		{Name: stepStart, Do: func(ctx context.Context) error { return s.openBeside(ctx, idle, state.PauseReplace) }, Undo: s.abandonNext},
		{Name: stepSwitch, Do: func(ctx context.Context) error { return s.switchTo(ctx, result, ", requests wait") }, Stays: true},
		{Name: stepDrain, Do: func(ctx context.Context) error { return s.drainOld(ctx, result) }},
		{Name: stepAwait, Do: s.awaitMoved},
	})
}

// awaitMoved waits until the release is up in the slot that it has moved to.
func (s *swap) awaitMoved(ctx context.Context) error {
	idle := s.old.Other()
	if err := s.AwaitHealthy(ctx, idle, s.next.Number, s.timeout); err != nil {
		return s.WithLastWords(ctx, err, s.next.Container(idle.Color))
	}
	s.Step("start", "release %d on %s", s.next.Number, idle.Color)
	return nil
}
