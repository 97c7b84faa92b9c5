package fake

import (
	"context"
	"testing"
	"time"

	"edgeman/deployer/outcome"
)

// SignalWhen is a context that a signal ends once when holds.
func SignalWhen(t *testing.T, when func() bool) context.Context {
	t.Helper()
	ctx, interrupt := context.WithCancelCause(t.Context())
	go func() {
		for ctx.Err() == nil && !when() {
			time.Sleep(5 * time.Millisecond)
		}
		interrupt(outcome.ErrInterrupted)
	}()
	return ctx
}
