// Package console is what a command tells and asks the person who runs it:
// steps, notes, progress, questions. It knows no app and no slot.
package console

import (
	"encoding/json"
	"io"
	"slices"
)

// Console is where a command reads and writes.
type Console struct {
	In  io.Reader // where a question is answered
	Out io.Writer // the thing asked for
	Err io.Writer // progress, notes, hints
}

// PrintJSON writes v to Out.
func (c *Console) PrintJSON(v any) error {
	enc := json.NewEncoder(c.Out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// Unwritten warns of a result that could not be written, because the disk is full
// or the reader has gone. The work is done, and that is what the exit code says.
func (c *Console) Unwritten(err error) {
	if err != nil {
		c.Warn("everything was done, but the result could not be written: %v", err)
	}
}

// Distinct are the lines without repetitions, in their order.
func Distinct(lines []string) []string {
	var out []string
	for _, l := range lines {
		if !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	return out
}
