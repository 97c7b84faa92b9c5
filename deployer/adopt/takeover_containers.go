package adopt

import (
	"context"
	"errors"
	"fmt"
	"time"

	"edgeman/deployer/console"
	"edgeman/deployer/poll"
	"edgeman/deployer/site"
	"edgeman/deployer/slots"
	"edgeman/deployer/state"
	"edgeman/deployer/words"
)

// pause holds requests back while the adopted container still runs.
func (t *takeover) pause() state.Pause {
	until := time.Now().Add(t.drain + t.timeout + site.ReloadWait + slots.StopSlack)
	return state.PauseFor(until, state.PauseAdopt, t.record.Ids())
}

// holdAgain holds requests back again, which the slot has forwarded to the adopted
// container since the interruption, and waits until none is inside.
func (t *takeover) holdAgain(ctx context.Context) error {
	before, _, err := t.Paths.ReadPause(t.slot)
	if err != nil || before.Container == "" { // the slot's own container serves, or may start
		return err
	}
	pause := t.pause()
	if err := t.Paths.SetPause(t.slot, pause); err != nil {
		return err
	}
	err = t.Await(ctx, "hold", t.drain, func(w *console.Waiting) (bool, error) {
		st, _, err := t.Paths.ReadSlotStatus(t.slot)
		w.Say("%s: %s", t.slot.Color, words.OrDash(st.Message))
		return st.Phase == state.PhaseHolding && st.Deadline.Equal(pause.Until), err
	})
	if err != nil && !errors.Is(err, poll.ErrLate) { // past the drain time they are cut with the container
		return fmt.Errorf("waiting for the requests inside: %w", err)
	}
	return nil
}

// retireContainers waits until nginx has let go of the old containers, stops
// them and keeps them. With stop-first the new ones start only then. Those that
// have more ports to serve run on.
func (t *takeover) retireContainers(ctx context.Context) error {
	if t.record.Beside {
		t.Step("drain", "%s: running on for other ports", t.record.Containers())
		return nil
	}
	start := time.Now()
	var before, now []int // connections of each
	d, err := t.AwaitOldWorkers(ctx, t.drain, func() (total int, err error) {
		now, total, err = t.record.Connections()
		if before == nil {
			before = now
		}
		return total, err
	})
	if err != nil {
		return err
	}
	began := time.Now()
	for _, id := range t.record.Ids() { // or the daemon would bring it back
		if err := t.Docker.SetRestart(ctx, id, "no"); err != nil {
			return err
		}
	}
	if err := t.StopAll(ctx, t.record.Ids()); err != nil {
		return err
	}
	t.stopTook = time.Since(began)
	if d.Cut > 0 { // what was left had until now
		d.Took = time.Since(start)
	}
	t.ended = d.Ended
	t.Step("drain", "%s: %s, stopped and kept", t.record.OldOnes(before, now), d)
	if !t.record.StopFirst {
		return nil
	}
	start = time.Now()
	if err := t.Paths.ClearPause(t.slot); err != nil {
		return err
	}
	return t.awaitStart(ctx, start)
}
