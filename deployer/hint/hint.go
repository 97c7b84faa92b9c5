// Package hint keeps what to do next about an error apart from the error's
// text. An error anywhere in a tree may carry a hint: by With or New, or by a
// method Hint of its own type, which is how packages that know nothing of
// deployer do it. Only Text and Sprintf put the two together, for a person.
package hint

import (
	"fmt"
	"slices"
	"strings"
)

// hinted is an error with a hint. Its text is that of the error alone.
type hinted struct {
	error
	hint string
}

func (e *hinted) Unwrap() error { return e.error }
func (e *hinted) Hint() string  { return e.hint }

// With gives err a hint. A nil err stays nil.
func With(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &hinted{err, fmt.Sprintf(format, args...)}
}

// New is a new error, formatted as by fmt.Errorf, with a hint.
func New(hint, format string, args ...any) error {
	return &hinted{fmt.Errorf(format, args...), hint}
}

// Of lists the hints in err's tree, the innermost first, each once.
func Of(err error) (hints []string) {
	for _, e := range causes(err) {
		hints = append(hints, Of(e)...)
	}
	if h, ok := err.(interface{ Hint() string }); ok && h.Hint() != "" {
		hints = append(hints, h.Hint())
	}
	return distinct(hints)
}

// Failure is an error as a program reads it, with --json.
type Failure struct {
	Error string `json:"error,omitempty"` // why it failed; the rest then says what was tried
	Hint  string `json:"hint,omitempty"`  // what to do next, a line each
}

// AsFailure is err as a program reads it; nothing if err is nil.
func AsFailure(err error) Failure {
	if err == nil {
		return Failure{}
	}
	return Failure{err.Error(), strings.Join(Of(err), "\n")}
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

// Text is err for a person: its text, and each hint on a line of its own. Errors
// joined by errors.Join are each followed by their own hints.
func Text(err error) string {
	if err == nil {
		return ""
	}
	var plain, told []string
	for _, e := range causes(err) {
		plain, told = append(plain, e.Error()), append(told, Text(e))
	}
	text := err.Error()
	if head, ok := strings.CutSuffix(text, strings.Join(plain, "\n")); ok {
		text = head + strings.Join(told, "\n")
	}
	return addLines(text, Of(err))
}

// Sprintf formats as fmt.Sprintf does. The hints of the errors among args follow,
// each on a line of its own.
func Sprintf(format string, args ...any) string {
	text := fmt.Sprintf(format, args...)
	for _, a := range args {
		if err, ok := a.(error); ok {
			text = addLines(text, Of(err))
		}
	}
	return text
}

// addLines adds the hints to text that are not lines of it yet.
func addLines(text string, hints []string) string {
	for _, h := range hints {
		if line := "\nhint: " + h; !strings.Contains(text+"\n", line+"\n") {
			text += line
		}
	}
	return text
}

// causes are what err wraps.
func causes(err error) []error {
	switch x := err.(type) {
	case interface{ Unwrap() []error }:
		return x.Unwrap()
	case interface{ Unwrap() error }:
		if e := x.Unwrap(); e != nil {
			return []error{e}
		}
	}
	return nil
}
