package swap

import (
	"context"
	"errors"
	"slices"
	"time"

	"edgeman/deployer/data"
	"edgeman/deployer/docker"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/state"
	"edgeman/deployer/steps"
	"edgeman/deployer/words"
	"edgeman/sockets"
)

// Rollback makes an earlier release live again: at once while its slot still
// runs, otherwise by a swap to that release's own record.
func (h *Host) Rollback(ctx context.Context, o Options) (Result, error) {
	s, err := h.begin(ctx, "rollback", o)
	if err != nil {
		return Result{}, err
	}
	defer s.lock.Unlock()
	target, err := s.rollbackTarget(o.Release)
	if err != nil {
		return Result{}, err
	}
	if err := s.again(ctx, target); err != nil {
		return Result{}, err
	}
	back, err := s.stillRuns(ctx)
	if err != nil {
		return s.fail(ctx, err)
	}
	if back {
		return s.switchBack(ctx)
	}
	return s.startAnew(ctx)
}

// rollbackTarget is the release that was asked for, or the one that the live
// release replaced.
func (s *swap) rollbackTarget(number int) (state.Release, error) {
	if number == 0 {
		events, err := s.Paths.History(s.app.Name)
		if err != nil {
			return state.Release{}, err
		}
		for _, e := range slices.Backward(events) {
			if e.Outcome == state.Done && e.Release == s.current.Number && e.From != e.Release {
				number = e.From
				break
			}
		}
	}
	if number == 0 {
		return state.Release{}, outcome.Refuse("release %d of %s is the first: nothing to roll back to", s.current.Number, s.app.Name)
	}
	if number == s.current.Number {
		return state.Release{}, hint.With(outcome.Refuse("release %d of %s is already live", number, s.app.Name), "edgeman history %s", s.app.Name)
	}
	r, err := s.Paths.ReadRelease(s.app.Name, number)
	if errors.Is(err, state.ErrNoRelease) {
		return r, hint.With(outcome.Refuse("%s has no release %d on record", s.app.Name, number), "edgeman history %s", s.app.Name)
	}
	return r, err
}

// stillRuns tells whether the target is up in the other slot.
func (s *swap) stillRuns(ctx context.Context) (bool, error) {
	r, filled, err := s.Paths.SlotRelease(s.idle)
	if err != nil || !filled || r.Number != s.next.Number {
		return false, err
	}
	st, ok, err := s.Paths.ReadSlotStatus(s.idle)
	if err != nil || !ok || st.Phase != state.PhaseWarm && st.Phase != state.PhaseDraining {
		return false, err
	}
	unit, err := s.Units.State(ctx, s.idle.ServiceUnit())
	return err == nil && unit.Active == "active", err
}

// switchBack is the whole rollback when the old slot still runs: under the
// state lock the slot cannot be emptied, so what is filled stays up.
func (s *swap) switchBack(ctx context.Context) (Result, error) {
	s.op.Slot, s.how = s.idle.String(), "switch"
	if err := s.lock.Candidate(s.idle); err != nil {
		return s.result(), err
	}
	// A candidate's service reports its real state. One that is not healthy, or
	// ended between the two looks, is not switched to: its release is started again.
	if err := s.AwaitHealthy(ctx, s.idle, s.next.Number, stillWell); err != nil && outcome.Signalled(ctx) {
		return s.fail(ctx, err)
	} else if err != nil {
		s.Note("%s still runs, but is not healthy: %s", s.idle.Color, words.FirstLine(err.Error()))
		return s.startAnew(ctx)
	}
	err := s.do(ctx, []steps.Step{
		{Name: stepSwitch, Do: func(ctx context.Context) error { return s.switchTo(ctx, ", which was still running") }, Stays: true},
		{Name: stepDrain, Do: s.drainOld},
	})
	switch {
	case err != nil && !s.over:
		return s.startAnew(ctx)
	case err != nil:
		return s.fail(ctx, err)
	}
	return s.finish(ctx)
}

// stillWell is how long a slot that still runs may take to say so.
const stillWell = 5 * time.Second

// startAnew rolls back by a swap to the release's own record.
func (s *swap) startAnew(ctx context.Context) (Result, error) {
	if err := errors.Join(s.Program.NeedInit(s.next.Mode, false), data.RefuseGone(s.next)); err != nil {
		return Result{}, err
	}
	if err := s.lock.Candidate(sockets.Slot{}); err != nil {
		return Result{}, err
	}
	if err := s.imagePresent(ctx); err != nil {
		return s.fail(ctx, err)
	}
	s.LetWait = true // going back is more urgent
	if err := s.weighWait(ctx); err != nil {
		return s.fail(ctx, err)
	}
	return s.run(ctx)
}

// imagePresent refuses a rollback to an image that is gone, before anything is
// touched.
func (s *swap) imagePresent(ctx context.Context) error {
	_, err := s.Docker.Image(ctx, s.next.ImageID)
	if errors.Is(err, docker.ErrNotFound) {
		return hint.With(outcome.Refuse("the image of release %d (%s) is gone from this host", s.next.Number, s.next.Image),
			"edgeman swap %s %s pulls it again", s.app.Name, s.next.Image)
	}
	return err
}
