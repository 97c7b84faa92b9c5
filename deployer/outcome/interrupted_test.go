package outcome

import (
	"context"
	"errors"
	"testing"
)

func TestBlame(t *testing.T) {
	ctx, interrupt := context.WithCancelCause(t.Context())
	cause := errors.New("docker: start web: no docker daemon answers")
	if Blame(ctx, cause) != cause || Interrupted(ctx, cause) != cause {
		t.Error("there was no signal")
	}
	interrupt(ErrInterrupted)
	if err := Interrupted(ctx, cause); err.Error() != "interrupted: "+cause.Error() {
		t.Error(err)
	}
	if err := Interrupted(ctx, Blame(ctx, cause)); err.Error() != "interrupted" {
		t.Error(err)
	}
	left := &BrokenError{errors.New("emptying myapp:green: no space\nhint: edgeman repair myapp")}
	if err := Blame(ctx, errors.Join(cause, left)); ExitCode(err) != ExitBroken || err.Error() != "interrupted: "+left.Error() {
		t.Error(err)
	}
}
