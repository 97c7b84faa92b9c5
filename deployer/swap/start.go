package swap

import (
	"context"
	"errors"
	"fmt"
	"time"

	"edgeman/deployer/state"
	"edgeman/deployer/words"
	"edgeman/sockets"
)

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

// startSlot fills the slot with r, starts its units and waits until the app in
// it is healthy. On failure the slot is empty again and the error carries the
// container's last words.
func (s *swap) startSlot(ctx context.Context, slot sockets.Slot, r state.Release) (time.Duration, error) {
	start := time.Now()
	// The lock names the candidate before the slot is filled: its service must
	// never find itself filled, not live, and unclaimed.
	if err := s.lock.Candidate(slot); err != nil {
		return 0, err
	}
	if err := s.Fill(ctx, slot, r, state.Pause{}); err != nil {
		return 0, errors.Join(fmt.Errorf("starting %s: %w", slot, err), s.Abandon(ctx, slot))
	}
	if err := s.AwaitHealthy(ctx, slot, r.Number, s.timeout); err != nil {
		err = s.WhyNotHealthy(ctx, err, s.Ailing(slot, r), r, s.askedPort())
		return 0, errors.Join(err, s.Abandon(ctx, slot))
	}
	return time.Since(start), nil
}

// askedPort is where the app file says on which port its app is asked.
func (s *swap) askedPort() string { return "port in " + s.Paths.AppConfig(s.app.Name) }
