package docker

import "testing"

func TestStopSignal(t *testing.T) {
	for s, want := range map[string]string{"": "15", "SIGTERM": "15", "quit": "3", "SIGQUIT": "3", "INT": "2", "9": "9"} {
		if got := stopSignal(s); got != want {
			t.Errorf("stopSignal(%q) = %s, want %s", s, got, want)
		}
	}
}
