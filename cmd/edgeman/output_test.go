package main

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"edgeman/deployer"
	"edgeman/deployer/hint"
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
		result deployer.SwapResult
		err    error
		json   bool
		want   int
	}{
		"done":               {want: deployer.ExitDone},
		"done, as JSON":      {json: true, want: deployer.ExitDone},
		"interrupted":        {result: deployer.SwapResult{Interrupted: true}, want: deployer.ExitDone},
		"failed":             {err: failed, want: deployer.ExitFailed},
		"failed, as JSON":    {err: failed, json: true, want: deployer.ExitFailed},
		"refused, as JSON":   {err: &deployer.RefusedError{Err: failed}, json: true, want: deployer.ExitRefused},
		"half done, as JSON": {err: &deployer.BrokenError{Err: failed}, json: true, want: deployer.ExitBroken},
	} {
		t.Run(name, func(t *testing.T) {
			var stderr bytes.Buffer
			h := &deployer.Host{Out: full{}, Err: &stderr}
			err := printSwap(h, row.result, row.err, row.json)
			if got := exitCode(err); err == nil && row.want != 0 || err != nil && got != row.want {
				t.Errorf("%v: exit code %d, want %d", err, got, row.want)
			}
			if said := strings.Contains(stderr.String(), "warning: all is done, but the result could not be written: "); said != (row.err == nil) {
				t.Errorf("stderr: %q", stderr.String())
			}
		})
	}
}

func TestFailureAsJSON(t *testing.T) {
	var stdout bytes.Buffer
	failed := hint.With(&deployer.RefusedError{Err: errors.New("shop is paused")}, "edgeman resume shop")
	if err := printSwap(&deployer.Host{Out: &stdout}, deployer.SwapResult{App: "shop"}, failed, true); exitCode(err) != deployer.ExitRefused {
		t.Errorf("%v: exit code %d", err, exitCode(err))
	}
	for _, want := range []string{`"error": "shop is paused"`, `"hint": "edgeman resume shop"`} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("%s\nlacks %s", &stdout, want)
		}
	}
}
