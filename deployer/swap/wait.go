package swap

import (
	"context"

	"edgeman/deployer/patience"
	"edgeman/deployer/slots"
	"edgeman/deployer/state"
)

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
