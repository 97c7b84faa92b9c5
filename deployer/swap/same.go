package swap

import (
	"context"
	"fmt"
	"strings"

	"edgeman/deployer/hint"
	"edgeman/deployer/images"
	"edgeman/deployer/outcome"
	"edgeman/deployer/state"
)

// A swap that names no image deploys what the live release's reference leads to by
// now: the registry is asked again, unless the image was made here.

// sameReference makes the live release's reference the one that is asked for.
func (s *swap) sameReference() error {
	ref := s.current.Image
	if strings.Contains(ref, "@") || images.RepositoryFor(ref, s.current.ImageID) == "" {
		return hint.With(outcome.Refuse("release %d runs %s, which is always the same image", s.current.Number, ref),
			"name what to deploy: edgeman swap %s IMAGE; edgeman restart %[1]s runs the same one again", s.app.Name)
	}
	s.Image = ref
	if s.Pull == "" && s.current.Digest != "" {
		s.Pull = "always"
	}
	return nil
}

// refuseOther refuses to go on with what was pulled for release was, if another one
// was deployed meanwhile: it may be newer.
func (s *swap) refuseOther(was state.Release) error {
	if s.current.Number == was.Number {
		return nil
	}
	return hint.With(outcome.Refuse("release %d (%s) was deployed while %s was pulled", s.current.Number, s.current.Image, was.Image),
		"edgeman swap %s %s, if that is to take its place", s.app.Name, was.Image)
}

// unchanged tells whether a release of the image would be the live one again, by the
// app file and by what the Compose file says.
func (s *swap) unchanged(ctx context.Context, image images.Local) (bool, error) {
	if s.declaration != nil {
		if err := s.compile(ctx); err != nil {
			return false, err
		}
	}
	described, err := s.nextRelease()
	same := err == nil && image.ID == s.current.ImageID && len(differences(s.current, described)) == 0
	return same && (s.declaration == nil || len(s.declaration.is.Differ) == 0), nil
}

// nothingNew is the result of a swap that had nothing to do.
func (s *swap) nothingNew() Result {
	s.next = s.current
	r := s.result()
	r.Unchanged = true
	s.Hint("edgeman restart %s runs it again in a new container", s.app.Name)
	return r
}

// isLive is the summary of that.
func (r Result) isLive() string {
	return fmt.Sprintf("%s: %s is what release %d runs, and its settings are the same; nothing was changed", r.App, r.Image, r.Release)
}
