package swap

import (
	"context"
	"errors"
	"fmt"
	"time"

	"edgeman/deployer/adoption"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/state"
	"edgeman/deployer/words"
)

// finish closes a run whose release serves.
func (s *swap) finish(ctx context.Context) (Result, error) {
	result, note := s.result(), ""
	if s.interrupted {
		note = "interrupted after the switch"
	}
	if err := s.recordDone(s.ended, note); err != nil {
		return result, &outcome.BrokenError{Err: hint.With(fmt.Errorf("release %d serves, but that could not be recorded: %w", s.next.Number, err),
			"edgeman repair %s", s.app.Name)}
	}
	if s.interrupted { // the next swap prunes
		return result, s.otherMode()
	}
	if err := s.prune(ctx); err != nil {
		s.Note("old releases of %s stay for now: %v", s.app.Name, err)
	}
	return result, s.otherMode()
}

// sayElsewhere says that nginx does not send the app's requests to what was deployed.
func (h *Host) sayElsewhere(app string) {
	record, err := adoption.Read(h.Paths, app)
	if err == nil && record.Plan != nil && !record.LedTo(h.Paths.Live(app)) {
		h.Warn("no file that adopt edited leads to %s any more: nginx sends its requests elsewhere", app)
		h.Hint("edgeman check %s shows what was changed", app)
	}
}

// otherMode says that the app file could not be given the mode that the release
// runs in.
func (s *swap) otherMode() error {
	if s.unkept == nil {
		return nil
	}
	return &outcome.BrokenError{Err: hint.With(fmt.Errorf("release %d serves in mode %s, but the settings of %s still say otherwise: %w", s.next.Number, s.next.Mode, s.app.Name, s.unkept),
		"set mode = %q in %s", s.next.Mode, s.Paths.AppConfig(s.app.Name))}
}

// fail ends a run that err has ended. After the switch a signal is no failure:
// the release serves, and the slot's service does the rest, as with Detach.
func (s *swap) fail(ctx context.Context, err error) (Result, error) {
	if s.over && outcome.Signalled(ctx) {
		s.draining, s.interrupted = true, true
		return s.finish(ctx)
	}
	return s.result(), s.failed(ctx, outcome.Blame(ctx, err))
}

// recordDone tells the history first: a run whose journal is left is completed, and
// recorded, by the next command.
func (s *swap) recordDone(ended state.Ended, note string) error {
	if err := s.record(state.Done, ended, note); err != nil {
		return err
	}
	return s.Paths.EndOperation(s.app.Name)
}

// failed ends a run that did not succeed: the journal is closed, the history
// told, and the error says what still works.
func (s *swap) failed(ctx context.Context, err error) error {
	var broken *outcome.BrokenError
	if s.over {
		err = &outcome.BrokenError{Err: hint.With(fmt.Errorf("release %d is serving, but the command did not finish: %w", s.next.Number, err),
			"the old slot will end on its own; edgeman status %s", s.app.Name)}
		return errors.Join(err, s.otherMode(), s.recordDone(state.Ended{}, words.FirstLine(err.Error())))
	}
	if errors.As(err, &broken) {
		return errors.Join(err, s.record(state.Broken, state.Ended{}, words.FirstLine(err.Error())))
	}
	if end := s.Paths.EndOperation(s.app.Name); end != nil {
		return errors.Join(err, end)
	}
	if s.next.Image == "" || outcome.ExitCode(err) != outcome.ExitFailed && s.next.Number == 0 {
		return err // nothing was begun
	}
	if rec := s.record(state.Failed, state.Ended{}, words.FirstLine(err.Error())); rec != nil {
		return errors.Join(err, rec)
	}
	err = s.unharmed(err)
	if s.fresh { // it never served, so no rollback leads to it
		return errors.Join(err, s.ForgetRelease(ctx, s.app.Name, s.next.Number))
	}
	return err
}

// unharmed adds to err what still works and, unless err knows better, where to
// look.
func (s *swap) unharmed(err error) error {
	switch {
	case errors.Is(err, outcome.ErrInterrupted):
		err = hint.With(err, "everything was undone; run the same command again")
	case s.next.Number != 0 && !hint.Has(err):
		err = hint.With(err, "everything was undone; where the app listens, what makes it healthy and how long to wait is in %s: ports, health, start.timeout", s.Paths.AppConfig(s.app.Name))
	}
	return &unharmedError{s.app.Name, err}
}

// unharmedError is a command that failed and was undone.
type unharmedError struct {
	app string
	err error
}

func (e *unharmedError) Error() string { return state.Unharmed(e.app, e.err.Error()) }

func (e *unharmedError) Unwrap() error { return e.err }

func (s *swap) record(outcome string, ended state.Ended, note string) error {
	e := state.Event{
		Time: time.Now().UTC(), Operation: s.op.Name, Release: s.next.Number, Image: s.next.Image,
		Digest: s.next.Digest, From: s.current.Number, Slot: s.op.Slot, By: state.Caller(),
		Seconds: state.Seconds(time.Since(s.started)), Start: state.Seconds(s.ready), Outcome: outcome, Note: note,
		Stop: s.stopTook, Boot: s.bootTook, Ended: ended,
	}
	return s.Paths.Record(s.app.Name, e)
}
