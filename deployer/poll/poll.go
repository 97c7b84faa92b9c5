// Package poll is waiting that ends: at a limit, and with its context. It knows
// nothing of what is waited for.
package poll

import (
	"context"
	"errors"
	"math"
	"time"
)

// Often is how often what costs little is looked at.
const Often = 50 * time.Millisecond

// ErrLate is returned when the limit of a wait has passed.
var ErrLate = errors.New("it took too long")

// DoneDecides is the limit of a wait that has another one: ctx has a deadline, or
// done itself fails when it is late, because what it sees moves the limit.
const DoneDecides time.Duration = math.MaxInt64

// Until calls done at once and then every so often until it is true. It ends with
// done's error, with ErrLate after limit, or with the cause of ctx's end.
func Until(ctx context.Context, limit, every time.Duration, done func() (bool, error)) error {
	for start := time.Now(); ; {
		if ok, err := done(); ok || err != nil {
			return err
		}
		left := limit - time.Since(start)
		if left <= 0 {
			return ErrLate
		}
		if !Sleep(ctx, min(every, left)) {
			return context.Cause(ctx)
		}
	}
}

// Sleep waits d; false means that ctx ended first.
func Sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return ctx.Err() == nil
	}
}

// Bounded gives ctx a deadline unless it has one: a caller who waits on purpose
// may wait longer than limit.
func Bounded(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, limit)
}
