package docker

import (
	"context"
	"errors"
	"testing"
	"time"
)

// signalled is the cause of a command's context, as package deployer has it.
type signalled struct{}

func (signalled) Error() string { return "a signal" }

func (signalled) Is(target error) bool { return target == context.Canceled }

// A call that its own command has given up does not blame the daemon.
func TestInterruptedCallDoesNotBlameTheDaemon(t *testing.T) {
	c := hungDaemon(t)
	for _, wait := range []time.Duration{0, 50 * time.Millisecond} {
		ctx, interrupt := context.WithCancelCause(t.Context())
		time.AfterFunc(wait, func() { interrupt(signalled{}) })
		err := c.Start(ctx, "web")
		if want := "docker: start web: interrupted"; err == nil || err.Error() != want || errors.Is(err, ErrUnreachable) {
			t.Errorf("after %s: %v, want %q", wait, err, want)
		}
	}
}

// Runtimes and their hooks say in the last of several lines what went wrong.
func TestAllLinesOfADaemonsMessageAreKept(t *testing.T) {
	err := callErr("start", "web", errors.New("Error response from daemon: error running hook #0: exit status 1, stderr: Auto-detected mode\n\nno such device: unknown\n"))
	if want := "docker: start web: error running hook #0: exit status 1, stderr: Auto-detected mode; no such device: unknown"; err.Error() != want {
		t.Errorf("got  %q\nwant %q", err, want)
	}
}
