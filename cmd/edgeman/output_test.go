package main

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"edgeman/deployer/console"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/swap"
)

// full is a disk with no room left.
type full struct{}

func (full) Write([]byte) (int, error) {
	return 0, &os.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.ENOSPC}
}

// The exit code is that of the work, whatever becomes of what is said of it.
func TestResultThatCannotBeWritten(t *testing.T) {
	failed := errors.New("not healthy")
	for name, row := range map[string]struct {
		result swap.Result
		err    error
		json   bool
		want   int
	}{
		"done":               {want: outcome.ExitDone},
		"done, as JSON":      {json: true, want: outcome.ExitDone},
		"interrupted":        {result: swap.Result{Interrupted: true}, want: outcome.ExitDone},
		"failed":             {err: failed, want: outcome.ExitFailed},
		"failed, as JSON":    {err: failed, json: true, want: outcome.ExitFailed},
		"refused, as JSON":   {err: &outcome.RefusedError{Err: failed}, json: true, want: outcome.ExitRefused},
		"half done, as JSON": {err: &outcome.BrokenError{Err: failed}, json: true, want: outcome.ExitBroken},
	} {
		t.Run(name, func(t *testing.T) {
			var stderr bytes.Buffer
			h := &host{Console: &console.Console{Out: full{}, Err: &stderr}}
			err := printSwap(h, row.result, row.err, row.json)
			if got := exitCode(err); err == nil && row.want != 0 || err != nil && got != row.want {
				t.Errorf("%v: exit code %d, want %d", err, got, row.want)
			}
			if said := strings.Contains(stderr.String(), "warning: everything was done, but the result could not be written: "); said != (row.err == nil) {
				t.Errorf("stderr: %q", stderr.String())
			}
		})
	}
}

func TestFailureAsJSON(t *testing.T) {
	var stdout bytes.Buffer
	failed := hint.With(&outcome.RefusedError{Err: errors.New("shop is paused")}, "edgeman resume shop")
	if err := printSwap(&host{Console: &console.Console{Out: &stdout}}, swap.Result{App: "shop"}, failed, true); exitCode(err) != outcome.ExitRefused {
		t.Errorf("%v: exit code %d", err, exitCode(err))
	}
	for _, want := range []string{`"error": "shop is paused"`, `"hint": "edgeman resume shop"`} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("%s\nlacks %s", &stdout, want)
		}
	}
}
