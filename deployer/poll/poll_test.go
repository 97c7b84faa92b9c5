package poll

import (
	"context"
	"errors"
	"testing"
	"time"
)

var (
	errOwn   = errors.New("own")
	errCause = errors.New("cause")
)

func TestUntil(t *testing.T) {
	for _, tt := range []struct {
		name  string
		limit time.Duration
		done  func(call int, end context.CancelCauseFunc) (bool, error)
		calls int // at least
		err   error
	}{
		{"at once", 0, func(int, context.CancelCauseFunc) (bool, error) { return true, nil }, 1, nil},
		{"at the third look", DoneDecides, func(call int, _ context.CancelCauseFunc) (bool, error) { return call == 3, nil }, 3, nil},
		{"its own error", DoneDecides, func(call int, _ context.CancelCauseFunc) (bool, error) { return false, errOwn }, 1, errOwn},
		{"late after one look", 0, func(int, context.CancelCauseFunc) (bool, error) { return false, nil }, 1, ErrLate},
		{"looks again at the limit", 5 * time.Millisecond, func(int, context.CancelCauseFunc) (bool, error) { return false, nil }, 2, ErrLate},
		{"the context's cause", DoneDecides, func(_ int, end context.CancelCauseFunc) (bool, error) {
			end(errCause)
			return false, nil
		}, 1, errCause},
		{"done although the context has ended", DoneDecides, func(_ int, end context.CancelCauseFunc) (bool, error) {
			end(errCause)
			return true, nil
		}, 1, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, end := context.WithCancelCause(t.Context())
			defer end(nil)
			calls := 0
			err := Until(ctx, tt.limit, time.Millisecond, func() (bool, error) { calls++; return tt.done(calls, end) })
			if err != tt.err || calls < tt.calls {
				t.Errorf("error %v after %d calls, want %v after at least %d", err, calls, tt.err, tt.calls)
			}
		})
	}
}

// A wait that is far longer than the test may take ends with its context.
func TestEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	if err := Until(ctx, DoneDecides, time.Hour, func() (bool, error) { return false, nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if Sleep(ctx, time.Hour) || Sleep(ctx, 0) || !Sleep(t.Context(), 0) {
		t.Error("Sleep does not tell how it ended")
	}
}

func TestBounded(t *testing.T) {
	ctx, cancel := Bounded(t.Context(), time.Hour)
	defer cancel()
	first, ok := ctx.Deadline()
	if !ok || time.Until(first) > time.Hour {
		t.Fatalf("deadline %v, %v", first, ok)
	}
	again, cancel := Bounded(ctx, time.Millisecond)
	defer cancel()
	if second, _ := again.Deadline(); !second.Equal(first) {
		t.Errorf("the caller's own deadline became %v", second)
	}
}
