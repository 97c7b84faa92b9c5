// Package hint is what to do next about an error, kept apart from its text. An
// error anywhere in the tree may carry one: by With, or by a method Hint of its
// own type, which is how packages that know nothing of deployer do it.
package hint

import (
	"fmt"
	"slices"
)

// Error is an error with a hint. Its text is that of the error alone.
type Error struct {
	Err  error
	hint string
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Hint says what to do next, in one line.
func (e *Error) Hint() string { return e.hint }

// With gives err a hint. A nil err stays nil.
func With(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &Error{err, fmt.Sprintf(format, args...)}
}

// New is a new error, formatted as by fmt.Errorf, with a hint.
func New(hint, format string, args ...any) error {
	return &Error{fmt.Errorf(format, args...), hint}
}

// Of lists the hints in err's tree, the outermost first, each once.
func Of(err error) (hints []string) {
	if err == nil {
		return nil
	}
	if h, ok := err.(interface{ Hint() string }); ok && h.Hint() != "" {
		hints = append(hints, h.Hint())
	}
	switch x := err.(type) {
	case interface{ Unwrap() error }:
		hints = append(hints, Of(x.Unwrap())...)
	case interface{ Unwrap() []error }:
		for _, e := range x.Unwrap() {
			hints = append(hints, Of(e)...)
		}
	}
	return distinct(hints)
}

func distinct(all []string) (once []string) {
	for _, s := range all {
		if !slices.Contains(once, s) {
			once = append(once, s)
		}
	}
	return once
}

// Has tells whether anything in err's tree says what to do next.
func Has(err error) bool { return len(Of(err)) > 0 }
