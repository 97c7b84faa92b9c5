package site

import (
	"context"
	"errors"
	"fmt"
	"time"

	"edgeman/deployer/console"
	"edgeman/deployer/poll"
	"edgeman/deployer/slots"
	"edgeman/deployer/state"
	"edgeman/deployer/words"
)

// drained is how the connections of something that left service ended.
type drained struct {
	before int // connections at the switch
	Took   time.Duration
	state.Ended
}

func (d drained) String() string { return slots.HowDrained(d.before, d.Ended, d.Took) }

// AwaitOldWorkers waits until the nginx workers of before the last reload are
// gone and open counts nothing any more. Reaching the limit is no error: what is
// left will be cut, and is counted.
func (h *Host) AwaitOldWorkers(ctx context.Context, limit time.Duration, open func() (int, error)) (drained, error) {
	d := drained{before: -1}
	left := 0
	err := h.Await(ctx, "drain", limit, func(w *console.Waiting) (bool, error) {
		facts, err := h.Nginx.Facts(ctx)
		if err != nil {
			return false, err
		}
		if left, err = open(); err != nil {
			return false, err
		}
		if d.before < 0 {
			d.before = left
		}
		d.Took = w.Elapsed()
		leaving := facts.Leaving()
		w.Say("%s and %s left, cut in %s", words.Plural(left, "connection"), words.Plural(leaving, "old nginx worker"), (limit - d.Took).Round(time.Second))
		return leaving == 0 && left == 0, nil
	})
	if errors.Is(err, poll.ErrLate) {
		// At most: some may have been answered while the containers stopped.
		d.Ended, err = state.Ended{Cut: left, CutKinds: state.Kinds{Unknown: left}}, nil
	}
	if err != nil {
		err = fmt.Errorf("waiting for the old connections: %w", err)
	}
	return d, err
}
