package adopt

import (
	"testing"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/slots"
)

// An adopted container has no record yet: its own stop timeout counts.
func TestAdoptWeighsTheStopTimeout(t *testing.T) {
	c := candidate{name: "myapp", containers: []docker.Container{{Running: true, StopTimeout: 10 * time.Second}, {Running: true, StopTimeout: 3 * time.Minute}}}
	if got := slots.Grace(c.containers); got != 3*time.Minute {
		t.Errorf("%s", got)
	}
}
