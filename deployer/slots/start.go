package slots

import (
	"context"
	"errors"
	"time"

	"edgeman/deployer/poll"
	"edgeman/deployer/state"
	"edgeman/sockets"
	"edgeman/sockets/systemd"
)

// Fill makes the slot run r: link first, so that its socket may start. It holds its
// requests back if hold has a reason.
func (h *Host) Fill(ctx context.Context, slot sockets.Slot, r state.Release, hold state.Pause) error {
	if err := h.Paths.Fill(slot, r.Number, hold); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, UnitWait)
	defer cancel()
	for _, unit := range []string{slot.SocketUnit(), slot.ServiceUnit()} {
		if err := h.StartUnit(ctx, unit); err != nil {
			return err
		}
	}
	return nil
}

// startAgain is how long a unit that did not start is tried again. What keeps it
// from starting in the middle of a swap passes within a moment: it is just being
// stopped, or systemd was disturbed while setting it up.
const startAgain = 10 * time.Second

// StartUnit starts a unit. A failed job is not final: systemd restarts a service
// on its own, and a unit that it has given up is started again here.
func (h *Host) StartUnit(ctx context.Context, unit string) error {
	var job *systemd.JobError
	err := h.Units.Start(ctx, unit)
	for end := time.Now().Add(startAgain); errors.As(err, &job) && time.Now().Before(end) && poll.Sleep(ctx, 4*poll.Often); {
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
