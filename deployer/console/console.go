// Package console is what a command tells and asks the person who runs it:
// steps, notes, progress, questions. It knows no app and no slot.
package console

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"

	"golang.org/x/term"

	"edgeman/deployer/hint"
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

// Step prints one finished step: what it was about and what came of it.
func (c *Console) Step(name, format string, args ...any) {
	fmt.Fprintf(c.Err, "  %-8s %s\n", name, fmt.Sprintf(format, args...))
}

// Note prints something to know that is neither a step nor an error.
func (c *Console) Note(format string, args ...any) {
	fmt.Fprintln(c.Err, "note: "+hint.Sprintf(format, args...))
}

// Hint prints what to do next about the note or warning before it.
func (c *Console) Hint(format string, args ...any) {
	fmt.Fprintf(c.Err, "hint: %s\n", fmt.Sprintf(format, args...))
}

func (c *Console) Notes(said []string) {
	for _, s := range said {
		c.Note("%s", s)
	}
}

// Warn prints something that may hurt.
func (c *Console) Warn(format string, args ...any) {
	fmt.Fprintln(c.Err, "warning: "+hint.Sprintf(format, args...))
}

// width is how many columns the terminal behind w has, 0 if it is none.
func width(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return columns
}

func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
