package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"

	"edgeman/deployer/outcome"
)

// interruptible ends the context at the first signal, so that the command under
// way undoes what it began. More signals do not cut that short: half-undone is
// worse than slow.
func interruptible(ctx context.Context, stderr io.Writer) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		newline := ""
		if f, ok := stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
			newline = "\n" // there a ^C, or progress, stands in a line that is not over
		}
		watchSignals(signals, done, func() { cancel(outcome.ErrInterrupted) }, stderr, newline)
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		<-ended
		cancel(nil)
	}
}

// undoingAfter is how long a command may go on after a signal until that needs
// saying: one that had begun nothing, or is past its switch, has ended by then.
const undoingAfter = time.Second

// watchSignals interrupts at the first signal and says what takes so long. The
// command itself says how it ended. newline ends what stands in the last line.
func watchSignals(signals <-chan os.Signal, done <-chan struct{}, interrupt func(), stderr io.Writer, newline string) {
	var late <-chan time.Time
	say := "interrupted: undoing what was begun; requests keep flowing"
	for {
		select {
		case <-done:
			return
		case <-signals:
			interrupt()
			fmt.Fprint(stderr, newline)
			late = time.After(undoingAfter)
		case <-late:
			fmt.Fprintf(stderr, "%sedgeman: %s\n", newline, say)
			say = "still undoing; requests keep flowing"
		}
	}
}
