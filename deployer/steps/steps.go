// Package steps carries a command out as a list of steps, each of which is
// journalled before it begins and can be undone. It knows no command.
package steps

import (
	"context"
	"fmt"
	"slices"
)

// Step is one thing that a command does, and how to take it back.
type Step struct {
	Name string // in the journal
	Do   func(context.Context) error

	// Undo takes back what Do did, all or a part of it; nil if nothing has to be.
	// Its context does not end with that of the command.
	Undo func(context.Context) error

	// Stays says that once Do is done, the command completes: no step up to this
	// one is undone any more.
	Stays bool
}

// UndoError is a step that failed and could not be undone.
type UndoError struct {
	Cause, Err error
}

func (e *UndoError) Error() string {
	return fmt.Sprintf("%v\nundoing that did not succeed either: %v", e.Cause, e.Err)
}

func (e *UndoError) Unwrap() []error { return []error{e.Cause, e.Err} }

// Run does the steps in turn; journal is told each name before. When one fails it
// is undone, and then those before it in reverse order, until an undo fails: what
// came before it is in use then.
func Run(ctx context.Context, journal func(name string) error, all []Step) error {
	var done []Step
	for _, s := range all {
		err := journal(s.Name)
		if err == nil {
			done = append(done, s)
			err = s.Do(ctx)
		}
		if err != nil {
			return undo(context.WithoutCancel(ctx), done, err)
		}
		if s.Stays {
			done = nil
		}
		if after, ok := ctx.Value(hook{}).(func(string)); ok {
			after(s.Name)
		}
	}
	return nil
}

func undo(ctx context.Context, done []Step, cause error) error {
	for _, s := range slices.Backward(done) {
		if s.Undo == nil {
			continue
		}
		if err := s.Undo(ctx); err != nil {
			return &UndoError{cause, err}
		}
	}
	return cause
}

type hook struct{}

// After has f called after each step that Run does: a test kills the command
// there.
func After(ctx context.Context, f func(name string)) context.Context {
	return context.WithValue(ctx, hook{}, f)
}
