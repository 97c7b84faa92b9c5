package main

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
)

// Undoing is spoken of only where there is something to undo, which takes time.
func TestWatchSignals(t *testing.T) {
	for _, tt := range []struct {
		name string
		ends time.Duration
		line string
		want string
	}{
		{"nothing was begun", undoingAfter / 2, "\n", "\n"},
		{"undone", 2 * undoingAfter, "\n", "\n\nedgeman: interrupted: undoing what was begun; requests keep flowing\n"},
		{"undone, no terminal", 2 * undoingAfter, "", "edgeman: interrupted: undoing what was begun; requests keep flowing\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				signals, done, ended := make(chan os.Signal, 1), make(chan struct{}), make(chan struct{})
				interrupted := 0
				var out strings.Builder
				go func() {
					defer close(ended)
					watchSignals(signals, done, func() { interrupted++ }, &out, tt.line)
				}()
				signals <- syscall.SIGINT
				time.Sleep(tt.ends)
				close(done)
				<-ended
				if out.String() != tt.want || interrupted != 1 {
					t.Errorf("interrupted %d times, says %q, want %q", interrupted, &out, tt.want)
				}
			})
		})
	}
}

func TestUpgradeNamesWhatItDidNotComeTo(t *testing.T) {
	if err := notMoved(nil); err != nil {
		t.Error(err)
	}
	want := "interrupted: not moved yet: api web\nhint: edgeman upgrade api web"
	if err := notMoved([]string{"api", "web"}); !errors.Is(err, outcome.ErrInterrupted) || hint.Text(err) != want {
		t.Errorf("%q, want %q", err, want)
	}
}
