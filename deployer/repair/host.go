// Package repair completes or undoes what an interrupted command left of an app.
package repair

import (
	"context"

	"edgeman/deployer/docker/registry"

	"edgeman/deployer/adopt"
	"edgeman/deployer/docker"
	"edgeman/deployer/slots"
	"edgeman/deployer/unadopt"
)

// Host is what repair touches.
type Host struct {
	*slots.Host
	Docker  Docker
	Adopt   *adopt.Host   // an adoption is completed or undone by adopt itself
	Unadopt *unadopt.Host // giving back is completed by unadopt itself
}

// Docker are the calls on the Docker daemon that repair needs beyond a slot's.
type Docker interface {
	Inspect(ctx context.Context, nameOrID string) (docker.Container, error)
	Image(ctx context.Context, ref string) (docker.Image, error)
	Pull(ctx context.Context, ref string, progress func(registry.Progress)) error
}
