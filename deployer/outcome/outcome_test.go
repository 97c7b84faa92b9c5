package outcome

import (
	"errors"
	"os"
	"testing"

	"edgeman/deployer/state"
)

func TestExitCodes(t *testing.T) {
	tests := []struct {
		err  error
		want int
	}{
		{nil, ExitDone},
		{errors.New("x"), ExitFailed},
		{Usage("x"), ExitUsage},
		{Refuse("x"), ExitRefused},
		{state.ErrNoApp, ExitRefused},
		{&state.SettingsError{App: "myapp", Err: os.ErrPermission}, ExitRefused},
		{state.ErrLocked, ExitLocked},
		{errors.Join(errors.New("x"), &BrokenError{os.ErrClosed}), ExitBroken},
	}
	for _, tt := range tests {
		if got := ExitCode(tt.err); got != tt.want {
			t.Errorf("ExitCode(%v) = %d, want %d", tt.err, got, tt.want)
		}
	}
}
