package deployer

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

// step prints one finished step: what it was about and what came of it.
func (h *Host) step(name, format string, args ...any) {
	fmt.Fprintf(h.Err, "  %-8s %s\n", name, fmt.Sprintf(format, args...))
}

// note prints something to know that is neither a step nor an error.
func (h *Host) note(format string, args ...any) {
	fmt.Fprintln(h.Err, "note: "+hint.Sprintf(format, args...))
}

// hint prints what to do next about the note or warning before it.
func (h *Host) hint(format string, args ...any) {
	fmt.Fprintf(h.Err, "hint: %s\n", fmt.Sprintf(format, args...))
}

func (h *Host) notes(said []string) {
	for _, s := range said {
		h.note("%s", s)
	}
}

// warn prints something that may hurt.
func (h *Host) warn(format string, args ...any) {
	fmt.Fprintln(h.Err, "warning: "+hint.Sprintf(format, args...))
}

// Unwritten takes note of a result that could not be written, because the disk is
// full or the reader has gone. What was done is done, and that is what the exit
// code says.
func (h *Host) Unwritten(err error) {
	if err != nil {
		h.warn("all is done, but the result could not be written: %v", err)
	}
}

// waiting is the line of a step that is not over: redrawn in place on a
// terminal, a plain line now and then elsewhere. Not safe for concurrent use.
type waiting struct {
	out   io.Writer
	name  string
	start time.Time
	last  time.Time
	drawn int
	tty   bool
}

func (h *Host) wait(name string) *waiting {
	now := time.Now()
	return &waiting{out: h.Err, name: name, start: now, last: now, tty: isTerminal(h.Err)}
}

// await looks again and again until that says true or fails, at most for limit,
// with the line of a step that look can write.
func (h *Host) await(ctx context.Context, step string, limit time.Duration, look func(*waiting) (bool, error)) error {
	w := h.wait(step)
	defer w.done()
	return poll.Until(ctx, limit, pollEvery, func() (bool, error) { return look(w) })
}

// say tells what is waited for; the time since the start is added.
func (w *waiting) say(format string, args ...any) {
	now := time.Now()
	line := fmt.Sprintf("  %-8s %s (%s)", w.name, fmt.Sprintf(format, args...), words.Took(now.Sub(w.start)))
	if w.tty {
		fmt.Fprintf(w.out, "\r%s%s", line, strings.Repeat(" ", max(0, w.drawn-len(line))))
		w.drawn = len(line)
		return
	}
	if now.Sub(w.last) >= plainInterval {
		w.last = now
		fmt.Fprintln(w.out, line)
	}
}

// done ends the line; what came of the step is printed by step.
func (w *waiting) done() {
	if w.drawn > 0 {
		fmt.Fprintf(w.out, "\r%s\r", strings.Repeat(" ", w.drawn))
		w.drawn = 0
	}
}

func (w *waiting) elapsed() time.Duration { return time.Since(w.start) }

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
