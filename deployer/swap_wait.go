package deployer

import (
	"context"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/docker/label"
	"edgeman/sockets"
)

// weighWait looks at the wait that requests have before them when the container
// is stopped before its successor starts.
func (s *swap) weighWait(ctx context.Context) error {
	if name, _ := s.strategy(); name != "recreate" {
		return nil
	}
	w, err := s.waitOf(s.old, s.drain+s.timeout)
	if err != nil {
		return err
	}
	events, err := s.Paths.History(s.app.Name)
	if err != nil {
		return err
	}
	own, err := s.ownContainers(ctx, s.old)
	if err != nil {
		return err
	}
	w.parts = replacement(events, grace(own))
	st, _, err := s.Paths.ReadSlotStatus(s.old)
	if err != nil {
		return err
	}
	w.let = s.letWait || !st.Healthy // whoever repairs an app must not be kept from it
	return s.weigh(ctx, w, s.patienceWith(s.app.Name))
}

// ownContainers are those that the slot's service has made.
func (h *Host) ownContainers(ctx context.Context, slot sockets.Slot) ([]docker.Container, error) {
	return h.Docker.List(ctx, map[string]string{label.App: slot.App, label.Slot: slot.Color}, true)
}

// grace is how long the longest of the containers may take to stop.
func grace(all []docker.Container) (longest time.Duration) {
	for _, c := range all {
		if c.Running {
			longest = max(longest, c.Grace())
		}
	}
	return longest
}
