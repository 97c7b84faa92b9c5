package slots

import (
	"testing"
	"time"

	"edgeman/deployer/docker"
)

func TestGrace(t *testing.T) {
	for in, want := range map[time.Duration]time.Duration{0: 0, 10 * time.Second: 10 * time.Second, -time.Second: 5 * time.Minute} {
		if got := (docker.Container{StopTimeout: in}).Grace(); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
