package console

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"edgeman/deployer/poll"
	"edgeman/deployer/words"
)

// plainInterval is how often a wait speaks up where no line can be redrawn.
const plainInterval = 5 * time.Second

// Waiting is the line of a step that is not over: redrawn in place on a
// terminal, a plain line now and then elsewhere. Not safe for concurrent use.
type Waiting struct {
	out   io.Writer
	name  string
	start time.Time
	last  time.Time
	drawn int
	Tty   bool
	width int // of the terminal; 0: not known
}

func (c *Console) Wait(name string) *Waiting {
	now := time.Now()
	return &Waiting{out: c.Err, name: name, start: now, last: now, Tty: IsTerminal(c.Err), width: width(c.Err)}
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
		line = cut(line, w.width)
		fmt.Fprintf(w.out, "\r%s%s", line, strings.Repeat(" ", max(0, w.drawn-len(line))))
		w.drawn = len(line)
		return
	}
	if now.Sub(w.last) >= plainInterval {
		w.last = now
		fmt.Fprintln(w.out, line)
	}
}

// cut shortens a line that would not fit, in its middle: a terminal breaks it, and
// only its last part could be redrawn.
func cut(line string, width int) string {
	r := []rune(line)
	if width < 20 || len(r) < width {
		return line
	}
	tail := width / 4
	return string(r[:width-tail-2]) + "…" + string(r[len(r)-tail:])
}

// Done ends the line; what came of the step is printed by step.
func (w *Waiting) Done() {
	if w.drawn > 0 {
		fmt.Fprintf(w.out, "\r%s\r", strings.Repeat(" ", w.drawn))
		w.drawn = 0
	}
}

func (w *Waiting) Elapsed() time.Duration { return time.Since(w.start) }
