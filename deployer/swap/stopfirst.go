package swap

import (
	"context"
	"errors"
	"fmt"
	"time"

	"edgeman/deployer/console"
	"edgeman/deployer/docker/locate"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/patience"
	"edgeman/deployer/poll"
	"edgeman/deployer/slots"
	"edgeman/deployer/state"
	"edgeman/deployer/steps"
	"edgeman/deployer/words"
)

// stopFirst replaces the release in the live slot itself: requests wait in its
// socket while the old container drains and stops and the new one starts. The
// slot's service does it, because a stopped service would be started again by
// the first queued connection; this side only asks and watches.
func (s *swap) stopFirst(ctx context.Context) error {
	switch {
	case s.current.Mode == "native" && s.Renew:
		return s.renewNative(ctx)
	case s.current.Mode == "native":
		return s.stopFirstNative(ctx)
	}
	s.op.Slot = s.old.String()
	if s.Renew {
		return s.do(ctx, []steps.Step{{Name: state.StepStopFirst, Do: s.renewService}})
	}
	return s.do(ctx, []steps.Step{{Name: state.StepStopFirst, Do: s.replaceInPlace, Undo: s.withdraw}})
}

func (s *swap) replaceInPlace(ctx context.Context) error {
	terms, asked := s.app.DrainTerms(time.Now(), s.Drain), time.Now()
	terms.Start = s.Timeout
	if err := s.Paths.AskNext(ctx, s.old, s.next.Number, terms); err != nil {
		return err
	}
	return s.awaitReplaced(ctx, asked)
}

// renewService stops and starts the slot's service, and with it the container:
// requests wait in the socket, which systemd keeps.
func (s *swap) renewService(ctx context.Context) error {
	start := time.Now()
	if err := s.Paths.SetDrain(s.old, state.Drain{Deadline: start.Add(s.Drain)}); err != nil {
		return err
	}
	unitCtx, cancel := context.WithTimeout(ctx, s.Drain+slots.UnitWait+s.EndWait(ctx, s.old))
	defer cancel()
	if err := s.Units.Restart(unitCtx, s.old.ServiceUnit()); err != nil {
		return err
	}
	stopped := time.Now()
	if err := s.AwaitHealthy(ctx, s.old, s.next.Number, s.Timeout); err != nil {
		return s.WhyNotHealthy(ctx, err, s.Ailing(s.old, s.next), s.next, s.askedPort())
	}
	s.ready, s.bootTook = time.Since(start), state.Seconds(time.Since(stopped))
	s.Step("start", "release %d and the service of %s again after %s", s.next.Number, s.old.Color, words.Took(s.ready))
	return s.Paths.ClearDrain(s.old)
}

// awaitReplaced waits until the next link is gone: promoted, or dropped because
// the release did not become healthy and the old one is back.
func (s *swap) awaitReplaced(ctx context.Context, asked time.Time) error {
	var st state.SlotStatus
	limit := s.Drain + s.Timeout + s.EndWait(ctx, s.old)
	err := s.Await(ctx, "start", limit, func(w *console.Waiting) (bool, error) {
		_, pending, err := s.Paths.NextRelease(s.old)
		if err != nil {
			return false, err
		}
		if st, _, err = s.Paths.ReadSlotStatus(s.old); err != nil {
			return false, err
		}
		w.Say("%s: %s", s.old.Color, words.OrDash(st.Message))
		return !pending && st.Phase == state.PhaseHealthy && st.Since.After(asked), nil
	})
	s.ended = st.Ended
	switch {
	case errors.Is(err, poll.ErrLate) || err != nil && ctx.Err() != nil:
		return fmt.Errorf("release %d was not healthy on %s in time: %s", s.next.Number, s.old, words.OrDash(st.Message))
	case err == nil:
		err = s.whichRuns(st)
	}
	if err != nil {
		return err
	}
	s.ready, s.stopTook, s.bootTook = time.Since(asked), st.Stop, st.Boot
	s.keepMode()
	s.Step("start", "release %d in place of %d on %s after %s", s.next.Number, s.current.Number, s.old.Color, words.Took(s.ready))
	return s.Paths.ClearDrain(s.old)
}

// whichRuns is an error unless the slot's service left the next of the two
// releases running.
func (s *swap) whichRuns(st state.SlotStatus) error {
	current, _, err := s.Paths.SlotRelease(s.old)
	if err != nil {
		return err
	}
	if current.Number == s.next.Number {
		return nil
	}
	r := st.Rejected
	if r == nil || r.Release != s.next.Number {
		return fmt.Errorf("release %d was rejected, release %d serves again: %s", s.next.Number, current.Number, words.OrDash(st.Message))
	}
	err = fmt.Errorf("release %d was rejected, release %d serves again: %s", s.next.Number, current.Number, r.Reason)
	if r.Probe != "" {
		err = fmt.Errorf("%w; last probe: %s", err, r.Probe)
	}
	return slots.ListensElsewhere(err, locate.Elsewhere{Text: r.Ports, Loopback: r.OnLoopback}, s.askedPort(), func(err error) error { return slots.LastWords(err, r.Container, r.Output) })
}

// withdraw takes the request back and waits until the slot's service has the old
// release up again, which serves what waited.
func (s *swap) withdraw(ctx context.Context) error {
	err := s.Paths.WithdrawNext(ctx, s.old, 0)
	if err == nil {
		err = s.AwaitHealthy(ctx, s.old, s.current.Number, s.Drain+s.Timeout+s.EndWait(ctx, s.old))
	}
	if err != nil {
		return &outcome.BrokenError{Err: hint.With(fmt.Errorf("going back to release %d: %w", s.current.Number, err), "edgeman repair %s", s.app.Name)}
	}
	return nil
}

// weighWait looks at the wait that requests have before them when the container
// is stopped before its successor starts.
func (s *swap) weighWait(ctx context.Context) error {
	if name, _ := s.strategy(); name != state.StopFirst {
		return nil
	}
	w, err := s.Patience.Of(s.old, s.Drain+s.Timeout)
	if err != nil {
		return err
	}
	events, err := s.Paths.History(s.app.Name)
	if err != nil {
		return err
	}
	own, err := s.OwnContainers(ctx, s.old)
	if err != nil {
		return err
	}
	w.Parts = patience.Replacement(events, slots.Grace(own))
	st, _, err := s.Paths.ReadSlotStatus(s.old)
	if err != nil {
		return err
	}
	w.Let = s.LetWait || !st.Healthy // whoever repairs an app must not be kept from it
	return s.Patience.Weigh(ctx, w, s.Patience.PatienceWith(s.app.Name))
}
