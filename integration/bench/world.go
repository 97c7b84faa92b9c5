// Package bench measures edgeman side by side with what people use today, all
// in one run on one throw-away host: the same app in the same container, nginx in
// front, and between the two a published port, a proxy or nothing.
package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// World is the host that is measured, as the measurements see it.
type World struct {
	// Run runs a command there as root and returns its standard output.
	Run func(ctx context.Context, args ...string) (string, error)
	// Write writes a file there, directories included.
	Write func(ctx context.Context, path string, data []byte, mode os.FileMode) error
	// Start starts a command there that runs until its standard input ends; stop
	// ends that and returns what it wrote.
	Start func(ctx context.Context, args ...string) (stop func() (string, error), err error)
	// Say tells the user what is being done.
	Say func(format string, args ...any)
	// Sleep waits.
	Sleep func(ctx context.Context, d time.Duration)
}

// shell runs a script that stops at its first failure.
func (w *World) shell(ctx context.Context, script string, args ...string) (string, error) {
	return w.Run(ctx, append([]string{"sh", "-e", "-c", script, "sh"}, args...)...)
}

// answers waits until the app itself answers at url, for at most half a minute:
// a proxy may well answer 200 to what it does not pass on.
func (w *World) answers(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		out, err := w.Run(ctx, "curl", "-sf", "--max-time", "2", "--include", url)
		if err == nil && strings.Contains(strings.ToLower(out), "x-version: v") {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("the app does not answer at %s: %w\n%s", url, errors.Join(ctx.Err(), err), out)
		}
		w.Sleep(ctx, 100*time.Millisecond)
	}
}
