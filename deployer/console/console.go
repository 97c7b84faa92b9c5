// Package console is what a command tells and asks the person who runs it:
// steps, notes, progress, questions. It knows no app and no slot.
package console

import "io"

// Console is where a command reads and writes.
type Console struct {
	In  io.Reader // where a question is answered
	Out io.Writer // the thing asked for
	Err io.Writer // progress, notes, hints
}
