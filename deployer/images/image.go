// Package images finds and pulls an app's images and tells references to them
// apart.
package images

import (
	"context"
	"errors"

	"edgeman/deployer/docker"
)

// Local is an image on this host, with the reference that the operator meant.
type Local struct {
	docker.Image
	Ref string
}

// Images tells what Docker has; package docker has the real one.
type Images interface {
	Image(ctx context.Context, ref string) (docker.Image, error)
}

// Gone tells whether Docker says that it does not have the image.
func Gone(ctx context.Context, in Images, id string) bool {
	_, err := in.Image(ctx, id)
	return errors.Is(err, docker.ErrNotFound)
}
