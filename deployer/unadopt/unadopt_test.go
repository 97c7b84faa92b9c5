package unadopt

import (
	"strings"
	"testing"

	"edgeman/deployer/adoption"
	"edgeman/deployer/docker"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
)

// The original cannot be made again without its image: that is refused at once,
// and the live release can be given back.
func TestChooseBackAfterAPrune(t *testing.T) {
	w := newWorld(t)
	w.Adopted()
	record := adoption.Record{App: "myapp", Original: adoption.Original{Container: "web", ContainerID: "w1"}, Image: "old:v1", ImageID: "sha256:old"}
	choose := func(to string) (giving, error) {
		b := giving{record: record, result: &Result{}}
		err := w.chooseBack(t.Context(), &b, Options{App: "myapp", To: to})
		return b, err
	}
	if _, err := choose("original"); outcome.ExitCode(err) != outcome.ExitRefused || !strings.Contains(hint.Text(err), "unadopt myapp --to live") {
		t.Errorf("the original without its image: %v", err)
	}
	if b, err := choose("live"); err != nil || b.live == nil {
		t.Errorf("the live release: %v, %v", b.live, err)
	}
	w.Images["sha256:old"] = docker.Image{ID: "sha256:old"}
	if _, err := choose("original"); err != nil {
		t.Errorf("the original, with its image: %v", err)
	}
}
