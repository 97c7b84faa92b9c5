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
	"edgeman/deployer/poll"
	"edgeman/deployer/slots"
	"edgeman/deployer/state"
	"edgeman/deployer/words"
	"edgeman/sockets"
)

// recreate replaces the release in the live slot itself: requests wait in its
// socket while the old container drains and stops and the new one starts. The
// slot's service does it, because a stopped service would be started again by
// the first queued connection; this side only asks and watches.
func (s *swap) recreate(ctx context.Context, result *Result) error {
	switch {
	case s.current.Mode == "native" && s.renew:
		return s.renewNative(ctx, result)
	case s.current.Mode == "native":
		return s.recreateNative(ctx, result)
	}
	slot := s.old
	s.op.Slot, result.Slot = slot.String(), slot.String()
	if err := s.begin("recreate"); err != nil {
		return err
	}
	if s.renew {
		return s.renewService(ctx)
	}
	terms := s.app.DrainTerms(time.Now(), s.drain)
	terms.Start = s.timeout
	asked := time.Now()
	if err := s.Paths.AskNext(ctx, slot, s.next.Number, terms); err != nil {
		return err
	}
	st, err := s.awaitRecreate(ctx, slot, asked)
	if err != nil {
		return err
	}
	result.setEnded(st.Ended())
	return s.replaced(slot, asked, st)
}

// replaced says that the new release serves on slot.
func (s *swap) replaced(slot sockets.Slot, asked time.Time, st state.SlotStatus) error {
	s.ready, s.stopTook, s.bootTook = time.Since(asked), st.Stop, st.Boot
	s.keepMode()
	s.Step("start", "release %d in place of %d on %s after %s", s.next.Number, s.current.Number, slot.Color, words.Took(s.ready))
	return s.Paths.ClearDrain(slot)
}

// renewService stops and starts the slot's service, and with it the container:
// requests wait in the socket, which systemd keeps.
func (s *swap) renewService(ctx context.Context) error {
	start := time.Now()
	if err := s.Paths.SetDrain(s.old, state.Drain{Deadline: start.Add(s.drain)}); err != nil {
		return err
	}
	unitCtx, cancel := context.WithTimeout(ctx, s.drain+slots.UnitWait+s.EndWait(ctx, s.old))
	defer cancel()
	if err := s.Units.Restart(unitCtx, s.old.ServiceUnit()); err != nil {
		return err
	}
	stopped := time.Now()
	if err := s.AwaitHealthy(ctx, s.old, s.next.Number, s.timeout); err != nil {
		return s.WhyNotHealthy(ctx, err, s.Ailing(s.old, s.next), s.next, s.askedPort())
	}
	s.ready, s.bootTook = time.Since(start), state.Seconds(time.Since(stopped))
	s.Step("start", "release %d and the service of %s again after %s", s.next.Number, s.old.Color, words.Took(s.ready))
	return s.Paths.ClearDrain(s.old)
}

// awaitRecreate waits until the next link is gone: promoted, or dropped because
// the release did not become healthy and the old one is back.
func (s *swap) awaitRecreate(ctx context.Context, slot sockets.Slot, asked time.Time) (st state.SlotStatus, err error) {
	limit := s.drain + s.timeout + s.EndWait(ctx, slot)
	err = s.Await(ctx, "start", limit, func(w *console.Waiting) (bool, error) {
		_, pending, err := s.Paths.NextRelease(slot)
		if err != nil {
			return false, err
		}
		if st, _, err = s.Paths.ReadSlotStatus(slot); err != nil {
			return false, err
		}
		w.Say("%s: %s", slot.Color, words.OrDash(st.Message))
		return !pending && st.Phase == state.PhaseHealthy && st.Since.After(asked), nil
	})
	switch {
	case err == nil:
		return st, s.recreated(slot, st)
	case errors.Is(err, poll.ErrLate) || ctx.Err() != nil:
		err = fmt.Errorf("release %d was not healthy on %s in time: %s", s.next.Number, slot, words.OrDash(st.Message))
		err = errors.Join(err, s.withdraw(ctx, slot))
	}
	return st, err
}

// recreated tells which of the two releases the slot's service left running.
func (s *swap) recreated(slot sockets.Slot, st state.SlotStatus) error {
	current, _, err := s.Paths.SlotRelease(slot)
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
func (s *swap) withdraw(ctx context.Context, slot sockets.Slot) error {
	ctx = context.WithoutCancel(ctx)
	err := s.Paths.WithdrawNext(ctx, slot, 0)
	if err == nil {
		err = s.AwaitHealthy(ctx, slot, s.current.Number, s.drain+s.timeout+s.EndWait(ctx, slot))
	}
	if err != nil {
		return &outcome.BrokenError{Err: hint.With(fmt.Errorf("going back to release %d: %w", s.current.Number, err), "edgeman repair %s", s.app.Name)}
	}
	return nil
}
