package deployer

import (
	"strings"
	"testing"

	"edgeman/deployer/docker"
	"edgeman/deployer/hint"
)

// The original cannot be made again without its image: that is refused at once,
// and the live release can be given back.
func TestChooseBackAfterAPrune(t *testing.T) {
	w := newWorld(t)
	w.adopted()
	record := Adoption{App: "myapp", Original: Original{Container: "web", ContainerID: "w1"}, Image: "old:v1", ImageID: "sha256:old"}
	choose := func(to string) (back, error) {
		b := back{record: record, result: &ReleaseResult{}}
		err := w.chooseBack(t.Context(), &b, ReleaseOptions{App: "myapp", To: to})
		return b, err
	}
	if _, err := choose("original"); ExitCode(err) != ExitRefused || !strings.Contains(hint.Text(err), "unadopt myapp --to live") {
		t.Errorf("the original without its image: %v", err)
	}
	if b, err := choose("live"); err != nil || b.live == nil {
		t.Errorf("the live release: %v, %v", b.live, err)
	}
	w.images["sha256:old"] = docker.Image{ID: "sha256:old"}
	if _, err := choose("original"); err != nil {
		t.Errorf("the original, with its image: %v", err)
	}
}
