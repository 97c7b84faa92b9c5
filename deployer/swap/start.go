package swap

import (
	"context"

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

// askedPort is where the app file says on which port its app is asked.
func (s *swap) askedPort() string { return "port in " + s.Paths.AppConfig(s.app.Name) }
