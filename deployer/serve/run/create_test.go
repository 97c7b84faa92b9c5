package run

import (
	"testing"

	"edgeman/deployer/docker"
	"edgeman/deployer/docker/label"
)

func TestOurs(t *testing.T) {
	made := map[string]string{label.App: "my", label.Slot: "blue", label.Release: "1"}
	for name, want := range map[string]bool{
		"my-blue-1": true, "my-blue-1-2": true, "my-blue-1.partial": true,
		"my-blue-12": false, "my-green-1": false, "myapp-blue-1": false, "other": false,
	} {
		if got := ours(docker.Container{Name: name, Labels: made}); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if ours(docker.Container{Name: "my-blue-1"}) || ours(docker.Container{Name: "--"}) {
		t.Error("without labels")
	}
}
