// Package outcome is how a command ended: its exit codes, and the errors that
// stand for them.
package outcome

import (
	"errors"
	"fmt"

	"edgeman/deployer/state"
)

// Exit codes of every command but check.
const (
	ExitDone    = 0
	ExitFailed  = 1 // failed and undone
	ExitUsage   = 2
	ExitRefused = 3 // nothing was changed
	ExitLocked  = 4 // another run holds the lock
	ExitBroken  = 5 // failed and not fully undone
)

// UsageError is a command line that makes no sense.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }

func (e *UsageError) Unwrap() error { return e.Err }

// RefusedError is a command that was not begun: nothing was changed.
type RefusedError struct{ Err error }

func (e *RefusedError) Error() string { return e.Err.Error() }

func (e *RefusedError) Unwrap() error { return e.Err }

// BrokenError is a command that failed and could not be undone in full; its
// text says what is left and which command repairs it.
type BrokenError struct{ Err error }

func (e *BrokenError) Error() string { return e.Err.Error() }

func (e *BrokenError) Unwrap() error { return e.Err }

// Begun unwraps a refusal that came after something had been changed: it is an
// ordinary error then.
func Begun(err error) error {
	var refusedErr *RefusedError
	if errors.As(err, &refusedErr) {
		return refusedErr.Err
	}
	return err
}

func Refuse(format string, args ...any) error {
	return &RefusedError{fmt.Errorf(format, args...)}
}

func Usage(format string, args ...any) error {
	return &UsageError{fmt.Errorf(format, args...)}
}

// ExitCode maps an error to the code its command exits with.
func ExitCode(err error) int {
	var (
		usageErr   *UsageError
		refusedErr *RefusedError
		brokenErr  *BrokenError
		settings   *state.SettingsError
	)
	switch {
	case err == nil:
		return ExitDone
	case errors.As(err, &brokenErr):
		return ExitBroken
	case errors.As(err, &usageErr):
		return ExitUsage
	case errors.As(err, &refusedErr), errors.As(err, &settings), errors.Is(err, state.ErrNoApp), errors.Is(err, state.ErrNoSettings):
		return ExitRefused
	case errors.Is(err, state.ErrLocked):
		return ExitLocked
	}
	return ExitFailed
}
