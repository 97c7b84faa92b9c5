package deployer

import (
	"context"
	"errors"
	"time"

	"edgeman/deployer/poll"
	"edgeman/sockets/systemd"
)

// startAgain is for how long a unit that did not start gets another chance. What
// keeps it from that in the middle of a swap passes within a moment: it is just
// being stopped, or systemd was disturbed while it set the service up.
const startAgain = 10 * time.Second

// startUnit starts a unit. A job that fails is not the end: systemd starts a
// service again by itself, and a unit that it has given up is asked for again.
func (h *Host) startUnit(ctx context.Context, unit string) error {
	var job *systemd.JobError
	err := h.Units.Start(ctx, unit)
	for end := time.Now().Add(startAgain); errors.As(err, &job) && time.Now().Before(end) && poll.Sleep(ctx, 4*pollEvery); {
		st, stateErr := h.Units.State(ctx, unit)
		switch {
		case stateErr != nil:
			return errors.Join(err, stateErr)
		case st.Active == "active":
			return nil
		case st.Active == "failed" || st.Active == "inactive":
			err = errors.Join(h.Units.ResetFailed(ctx, unit), h.Units.Start(ctx, unit))
		}
	}
	return err
}
