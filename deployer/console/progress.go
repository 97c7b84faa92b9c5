package console

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"edgeman/deployer/hint"
	"edgeman/deployer/poll"
	"edgeman/deployer/words"
)

// plainInterval is how often a wait speaks up where no line can be redrawn.
const plainInterval = 5 * time.Second

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

// Waiting is the line of a step that is not over: redrawn in place on a
// terminal, a plain line now and then elsewhere. Not safe for concurrent use.
type Waiting struct {
	out   io.Writer
	name  string
	start time.Time
	last  time.Time
	drawn int
	Tty   bool
}

func (c *Console) Wait(name string) *Waiting {
	now := time.Now()
	return &Waiting{out: c.Err, name: name, start: now, last: now, Tty: IsTerminal(c.Err)}
}

// Await looks again and again until that says true or fails, at most for limit,
// with the line of a step that look can write.
func (c *Console) Await(ctx context.Context, step string, limit time.Duration, look func(*Waiting) (bool, error)) error {
	w := c.Wait(step)
	defer w.Done()
	return poll.Until(ctx, limit, poll.Often, func() (bool, error) { return look(w) })
}

// Say tells what is waited for; the time since the start is added.
func (w *Waiting) Say(format string, args ...any) {
	now := time.Now()
	line := fmt.Sprintf("  %-8s %s (%s)", w.name, fmt.Sprintf(format, args...), words.Took(now.Sub(w.start)))
	if w.Tty {
		fmt.Fprintf(w.out, "\r%s%s", line, strings.Repeat(" ", max(0, w.drawn-len(line))))
		w.drawn = len(line)
		return
	}
	if now.Sub(w.last) >= plainInterval {
		w.last = now
		fmt.Fprintln(w.out, line)
	}
}

// Done ends the line; what came of the step is printed by step.
func (w *Waiting) Done() {
	if w.drawn > 0 {
		fmt.Fprintf(w.out, "\r%s\r", strings.Repeat(" ", w.drawn))
		w.drawn = 0
	}
}

func (w *Waiting) Elapsed() time.Duration { return time.Since(w.start) }

func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
