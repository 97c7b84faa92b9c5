package swap

import (
	"fmt"
	"strings"

	"edgeman/deployer/docker/definition"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/state"
)

// checkReplicas refuses several containers with settings that only one can have
// and says what they share.
func (s *swap) checkReplicas() error {
	n := s.next.Count()
	if n == 1 {
		return nil
	}
	if err := refuseReplicas(s.next); err != nil {
		return err
	}
	if len(s.next.Recreate) > 0 {
		s.Note("the %d replicas share what one container had to itself: %s", n, strings.Join(s.next.Recreate, "; "))
	}
	return nil
}

// refuseReplicas is an error if the release wants several containers and only
// one with its settings can exist.
func refuseReplicas(r state.Release) error {
	if r.Count() == 1 {
		return nil
	}
	why, err := definition.Single(r.Settings)
	if err != nil {
		return fmt.Errorf("release %d: %w", r.Number, err)
	}
	if len(why) > 0 {
		return hint.With(outcome.Refuse("%s cannot have %d replicas: its container %s", r.App, r.Count(), strings.Join(why, ", and ")),
			"set replicas = 1 in its app file")
	}
	return nil
}
