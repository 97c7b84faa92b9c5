package swap

import (
	"context"
	"errors"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/docker/registry"
	"edgeman/deployer/hint"
	"edgeman/deployer/images"
	"edgeman/deployer/outcome"
	"edgeman/deployer/words"
)

// image finds what the operator asked for; where it is not there, or the policy
// is to ask anyway, it has to be pulled.
func (s *swap) image(ctx context.Context, o Options) (image images.Found, there bool, err error) {
	ref := s.next.Image
	if err := registry.ValidRef(ref); err != nil {
		return images.Found{}, false, &outcome.UsageError{Err: err}
	}
	local, err := s.Docker.Image(ctx, ref)
	absent := errors.Is(err, docker.ErrNotFound)
	switch {
	case err != nil && !absent:
		return images.Found{}, false, err
	case absent && o.Pull == "never":
		return images.Found{}, false, hint.With(outcome.Refuse("image %s is not on this host", ref), "leave out --pull never")
	case absent || o.Pull == "always":
		return images.Found{}, false, nil
	}
	s.Step("pull", "%s present", ref)
	return images.Found{Image: local, Ref: ref}, true, nil
}

func (s *swap) pull(ctx context.Context, given string) (images.Found, error) {
	ref := s.next.Image
	start := time.Now()
	err := images.Pull(ctx, s.Console, s.Docker, ref)
	if err != nil {
		return images.Found{}, hint.With(err, "%s", s.pullHint(ctx, given, ref, err))
	}
	image, err := s.Docker.Image(ctx, ref)
	if err != nil {
		return images.Found{}, err
	}
	s.Step("pull", "%s in %s", ref, words.Took(time.Since(start)))
	return images.Found{Image: image, Ref: ref}, nil
}
