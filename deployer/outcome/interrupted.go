package outcome

import (
	"context"
	"errors"
	"fmt"
)

// ErrInterrupted is the cause of a command's context that a signal has ended.
// It is a context.Canceled to those who look for no more than that.
var ErrInterrupted error = interruption{}

type interruption struct{}

func (interruption) Error() string { return "interrupted" }

func (interruption) Is(target error) bool { return target == context.Canceled }

// Signalled tells whether a signal has ended ctx.
func Signalled(ctx context.Context) bool { return errors.Is(context.Cause(ctx), ErrInterrupted) }

// Interrupted names the signal as the cause of an error that came after it, unless
// err does so itself.
func Interrupted(ctx context.Context, err error) error {
	if err == nil || !Signalled(ctx) || errors.Is(err, ErrInterrupted) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrInterrupted, err)
}

// Blame replaces err by the signal: a step that was under way when it came failed
// because of it, whatever err says of Docker or of a release's health. What could
// not be undone is kept.
func Blame(ctx context.Context, err error) error {
	if !Signalled(ctx) {
		return err
	}
	var broken *BrokenError
	if errors.As(err, &broken) {
		return fmt.Errorf("%w: %w", ErrInterrupted, broken)
	}
	return ErrInterrupted
}
