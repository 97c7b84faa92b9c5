package config

import (
	"fmt"

	"edgeman/nginxconf/internal/tree"
)

// Pos is a place in a configuration file. Line and Column count from 1, the
// column in bytes. File has no symlinks in it.
type Pos struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column,omitempty"`
}

// String returns file:line.
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// Refusal says why a configuration is not read or an edit is not made: what
// stands in the way, where, and what the operator could do. It is the error of
// whatever reads, plans and takes back, whenever the cause lies in the
// configuration.
type Refusal struct {
	Pos    Pos    `json:"pos"`
	Reason string `json:"reason"`
	ToDo   string `json:"hint,omitempty"`
}

// Error returns "file:line: reason".
func (r *Refusal) Error() string {
	if r.Pos.File == "" {
		return r.Reason
	}
	return r.Pos.String() + ": " + r.Reason
}

// Hint is what the operator could do, "" if nothing is known.
func (r *Refusal) Hint() string { return r.ToDo }

// Refuse is a Refusal with a formatted reason.
func Refuse(pos Pos, hint, format string, args ...any) *Refusal {
	return &Refusal{Pos: pos, Reason: fmt.Sprintf(format, args...), ToDo: hint}
}

// fromTree turns a fault found in one file into a Refusal.
func fromTree(err error) error {
	if e, ok := err.(*tree.Error); ok {
		return &Refusal{Pos: Pos{e.Path, e.Line, e.Column}, Reason: e.Reason, ToDo: e.Hint}
	}
	return err
}
