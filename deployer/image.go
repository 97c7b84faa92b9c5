package deployer

import (
	"context"
	"errors"
	"strings"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/docker/registry"
	"edgeman/deployer/hint"
	"edgeman/deployer/words"
)

// pullWait bounds a pull: image data moves, but not for ever.
const pullWait = 30 * time.Minute

// found is an image on this host, with the reference that the operator meant.
type found struct {
	docker.Image
	ref string
}

// image finds what the operator asked for; where it is not there, or the policy
// is to ask anyway, it has to be pulled.
func (s *swap) image(ctx context.Context, o SwapOptions) (image found, there bool, err error) {
	ref := s.next.Image
	if err := registry.ValidRef(ref); err != nil {
		return found{}, false, &UsageError{err}
	}
	local, err := s.Docker.Image(ctx, ref)
	absent := errors.Is(err, docker.ErrNotFound)
	switch {
	case err != nil && !absent:
		return found{}, false, err
	case absent && o.Pull == "never":
		return found{}, false, hint.With(refuse("image %s is not on this host", ref), "leave out --pull never")
	case absent || o.Pull == "always":
		return found{}, false, nil
	}
	s.step("pull", "%s present", ref)
	return found{local, ref}, true, nil
}

func (s *swap) pull(ctx context.Context, given string) (found, error) {
	ref := s.next.Image
	ctx, cancel := context.WithTimeout(ctx, pullWait)
	defer cancel()
	start := time.Now()
	bar := newPullBar(s.Host, ref)
	err := s.Docker.Pull(ctx, ref, bar.update)
	bar.close()
	if err != nil {
		return found{}, hint.With(err, "%s", s.pullHint(ctx, given, ref, err))
	}
	image, err := s.Docker.Image(ctx, ref)
	if err != nil {
		return found{}, err
	}
	s.step("pull", "%s in %s", ref, words.Took(time.Since(start)))
	return found{image, ref}, nil
}

// reference reads a bare word as a tag of the app's repository and everything
// else as a whole image reference.
func reference(repository, given string) string {
	if strings.ContainsAny(given, "/:@") {
		return given
	}
	return repository + ":" + given
}

// shortImages are two references as they are told side by side: by their tags
// when the repository is the same.
func shortImages(before, after string) (string, string) {
	repository := registry.Repository(after)
	if registry.Repository(before) != repository {
		return before, after
	}
	short := func(ref string) string {
		if tag, ok := strings.CutPrefix(ref, repository+":"); ok {
			return tag
		}
		return ref
	}
	return short(before), short(after)
}
